"""The reminders that went out, in the graph."""

from sqlalchemy import func

from db.quality.reminders import ReminderRule, ReminderSent
from domain.permissions import Permission
from graph.compiler.abstract import to_any
from graph.compiler.projection import any_id, column, computed, projection, to_many
from graph.compiler.roots import aggregate, many, one
from graph.core.enums import describe

describe(
    ReminderRule,
    "What people are reminded of. Numbers are days before (−) and after (+) the due day.",
    {
        "AUTHORISATION": "An authorisation expires: −60, −30 and −7, its holder.",
        "LICENCE": "A licence expires: −60, −30 and −7, its holder.",
        "TRAINING": "A training expires: −60, −30 and −7, who passed it.",
        "DIRECTIVE": "A directive is due on an aircraft: −60, −30 and −7, who manages the fleet; +1 and +3 escalate.",
        "DEFERRAL": "A deferred defect must be rectified: −30, −7 and −1, who deferred it; +1 escalates to everybody, "
        "because it grounds the aircraft.",
        "AUDIT": "A planned audit has not begun: −14 and −1, its lead auditor; +7 and +30 escalate.",
        "IMMEDIATE_ACTION": "A level 1 finding without an immediate action: on the day, its owner; +1 and +2 escalate.",
        "FINDING": "An open finding: −30, −7, −1 and +1, its owner; +7 its department's lead too; +14 the accountable "
        "manager too.",
        "CORRECTIVE_ACTION": "A corrective action that is not done: as for findings.",
    },
)


@projection(ReminderSent, prefix="rem", requires=Permission.QUALITY_MANAGE, default_order=("-sentAt",), logged=True)
class Reminder:
    """A reminder or an escalation that went out: each step at most once for a thing and its due day. It is told as a
    notification of the kind REMINDER or ESCALATION."""

    rule = column("What it reminds of.", enum=ReminderRule, filter=True, order=True)
    subject_id = any_id(
        "The global id of what is due, also when it is gone.", type="subject_type", via="subject_id", filter=True
    )
    subject = to_any(
        "Node",
        "What is due, as it is now; null when it is gone, or of a type that you may not see.",
        type="subject_type",
        via="subject_id",
    )
    due_on = column("The day it was due when this went out.", filter=True, order=True)
    step = column(
        "Which step it is: days from the due day. Below 0 it reminds, from 0 on it escalates.", filter=True, order=True
    )
    text = column("What people were told.")
    people = to_many(
        "User",
        "Whom it went to; only members are shown.",
        on=lambda m, user, _: user.id == func.any(m.people),
    )
    people_count = computed("How many people it went to.", int, lambda m, _: func.cardinality(m.people))
    sent_at = column("When it went out.", filter=True, order=True)


reminder = one("reminder", Reminder, "A reminder that went out, by id.")
reminder_list = many("reminders", Reminder, "The reminders and escalations that went out, the latest first.")
reminder_aggregate = aggregate("reminderAggregate", Reminder, "Counts of reminders, by rule, step or time.")

QUERIES = [reminder, reminder_list, reminder_aggregate]

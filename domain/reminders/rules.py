"""Who is reminded of what, and when. One table; a line in it is all that a new kind of reminder needs here.

A step is a number of days from the due day: below zero it reminds, from zero on it escalates. Of the steps whose day
has come only the latest goes out: who looks after a week hears once, not of each step that was passed over. A step
that went out, or that a later one overtook, never goes out again; when the thing is due another time, it begins anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import IntEnum
from uuid import UUID

from db.quality.reminders import ReminderRule
from domain.permissions import Permission

LONGEST = 1000
Key = tuple[str, UUID, str]  # rule, subject, occurrence: each step goes out once


class Level(IntEnum):
    """Whom a step reaches. Everybody below hears too, and where nobody is found it goes to whoever is above."""

    OWNER = 1
    LEAD = 2
    MANAGER = 3


OWNER, LEAD, MANAGER = Level.OWNER, Level.LEAD, Level.MANAGER


@dataclass(frozen=True)
class Rule:
    """`steps`: days from the due day, and whom that reaches. `before` and `after` end the sentence. Who holds `holders`
    stands in for an owner that the thing has not."""

    steps: Mapping[int, Level]
    before: str
    after: str
    holders: Permission

    @property
    def first(self) -> int:
        return min(self.steps)


# 60, 30 and 7 days: the rules of the workforce. The others follow how a thing is worked on.
EXPIRY = {-60: OWNER, -30: OWNER, -7: OWNER}
WORK = {-30: OWNER, -7: OWNER, -1: OWNER, 1: OWNER, 7: LEAD, 14: MANAGER}

RULES: Mapping[ReminderRule, Rule] = {
    ReminderRule.AUTHORISATION: Rule(EXPIRY, "expires on", "expired on", Permission.QUALITY_MANAGE),
    ReminderRule.LICENCE: Rule(EXPIRY, "expires on", "expired on", Permission.QUALITY_MANAGE),
    ReminderRule.TRAINING: Rule(EXPIRY, "expires on", "expired on", Permission.QUALITY_MANAGE),
    ReminderRule.DIRECTIVE: Rule(
        {-60: OWNER, -30: OWNER, -7: OWNER, 1: LEAD, 3: MANAGER}, "is due on", "was due on", Permission.FLEET_MANAGE
    ),
    # Overdue, it grounds the aircraft: everybody hears at once.
    ReminderRule.DEFERRAL: Rule(
        {-30: OWNER, -7: OWNER, -1: OWNER, 1: MANAGER},
        "must be rectified by",
        "had to be rectified by",
        Permission.FLEET_MANAGE,
    ),
    ReminderRule.AUDIT: Rule(
        {-14: OWNER, -1: OWNER, 7: LEAD, 30: MANAGER}, "is planned for", "was planned for", Permission.QUALITY_MANAGE
    ),
    # Of a level 1 finding: due on the very day.
    ReminderRule.IMMEDIATE_ACTION: Rule(
        {0: OWNER, 1: LEAD, 2: MANAGER},
        "needs an immediate action on",
        "needed an immediate action on",
        Permission.QUALITY_MANAGE,
    ),
    ReminderRule.FINDING: Rule(WORK, "must be closed by", "had to be closed by", Permission.QUALITY_MANAGE),
    ReminderRule.CORRECTIVE_ACTION: Rule(WORK, "must be done by", "had to be done by", Permission.QUALITY_MANAGE),
}


@dataclass(frozen=True)
class Reminder:
    """Something that is due on a day, whether or not it is time to say so. `what` begins a sentence; `subject_type` is
    the prefix of its id. Without a department, those of the owner count. `occurrence` is for what has only a forecast:
    that moves, and what it is a forecast of does not."""

    rule: ReminderRule
    subject_type: str
    subject_id: UUID
    due_on: date
    what: str
    owner_id: UUID | None = None
    department_id: UUID | None = None
    occurrence: str = ""

    @property
    def key(self) -> Key:
        return (self.rule.value, self.subject_id, self.occurrence or self.due_on.isoformat())


@dataclass(frozen=True)
class Staff:
    """The organization's people, as far as it matters here: active members only."""

    members: frozenset[UUID] = frozenset()
    leads: Mapping[UUID, frozenset[UUID]] = field(default_factory=dict)  # of a department
    departments: Mapping[UUID, frozenset[UUID]] = field(default_factory=dict)  # of a person
    managers: frozenset[UUID] = frozenset()  # accountable managers, or else the owners of the organization
    holders: Mapping[str, frozenset[UUID]] = field(default_factory=dict)  # of a permission


def horizon(rule: ReminderRule, today: date) -> date:
    """The last due day that can have a step by now: what is due later needs no look."""
    return today - timedelta(days=RULES[rule].first)


def step(reminder: Reminder, today: date, sent: int | None = None) -> int | None:
    """The step that is to go out today: the latest whose day has come, unless it or a later one was `sent`. What only
    reminds is of no use once the due day is over."""
    passed = (today - reminder.due_on).days
    latest = max((days for days in RULES[reminder.rule].steps if days <= passed), default=None)
    if latest is None or (latest < 0 < passed) or (sent is not None and sent >= latest):
        return None
    return latest


def people(reminder: Reminder, at: int, staff: Staff) -> frozenset[UUID]:
    """Whom a step reaches. Empty when the organization has nobody left who could hear."""
    rule = RULES[reminder.rule]
    found: frozenset[UUID] = frozenset()
    for level in Level:
        new = (_at(level, reminder, rule, staff) & staff.members) - found
        found |= new
        # Whoever leads their own department is no escalation of themselves.
        if new and level >= rule.steps[at]:
            break
    return found


def sentence(reminder: Reminder, today: date) -> str:
    rule = RULES[reminder.rule]
    days = (reminder.due_on - today).days
    verb = rule.before if days >= 0 else rule.after
    return f"{_shortened(reminder.what)} {verb} {reminder.due_on}: {_distance(days)}."


def is_escalation(at: int) -> bool:
    return at >= 0


def _at(level: Level, reminder: Reminder, rule: Rule, staff: Staff) -> frozenset[UUID]:
    if level is Level.OWNER:
        if reminder.owner_id in staff.members:
            return frozenset({reminder.owner_id})
        return frozenset() if reminder.owner_id else staff.holders.get(rule.holders, frozenset())
    if level is Level.MANAGER:
        return staff.managers
    return _union(staff.leads.get(each, frozenset()) for each in _departments(reminder, staff))


def _departments(reminder: Reminder, staff: Staff) -> Iterable[UUID]:
    if reminder.department_id is not None:
        return [reminder.department_id]
    return staff.departments.get(reminder.owner_id, ()) if reminder.owner_id else ()


def _union(groups: Iterable[frozenset[UUID]]) -> frozenset[UUID]:
    return frozenset(person for group in groups for person in group)


def _shortened(what: str) -> str:
    line = " ".join(what.split())
    return line if len(line) <= LONGEST - 100 else line[: LONGEST - 101] + "…"


def _distance(days: int) -> str:
    if days == 0:
        return "today"
    count = f"{abs(days)} day" + ("" if abs(days) == 1 else "s")
    return f"in {count}" if days > 0 else f"{count} ago"

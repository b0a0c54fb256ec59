"""Defects and deferrals in the graph."""

from datetime import date
from uuid import UUID

import strawberry
from sqlalchemy import func, select

from db.fleet.aircraft import Aircraft
from db.maintenance.defects import Defect as DefectRow
from db.maintenance.defects import DefectStatus, MelCategory, overdue
from db.maintenance.defects import Deferral as DeferralRow
from domain.context import Ctx
from domain.maintenance import defects
from domain.maintenance.rules.deferrals import Stated
from domain.permissions import Permission
from graph.compiler.projection import column, computed, projection, to_many, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.inputs import EXPECTED_VERSION
from graph.core.mutations import mutation
from graph.events.changed import changed

describe(
    DefectStatus,
    "What became of a defect.",
    {
        "OPEN": "Neither rectified nor deferred: it forbids the release of the aircraft.",
        "DEFERRED": "The aircraft may fly with it until the limit of its deferral.",
        "RECTIFIED": "A task card made from it was closed.",
    },
)
describe(
    MelCategory,
    "The repair category of an item of the minimum equipment list (FAA MMEL PL-25). Days are consecutive calendar days"
    " and do not count the day of discovery.",
    {
        "A": "Within the limit that the item states.",
        "B": "Within 3 days.",
        "C": "Within 10 days.",
        "D": "Within 120 days.",
    },
)


@projection(DefectRow, prefix="df", requires=Permission.WORK_ORDER_READ, default_order=("-number",), logged=True)
class Defect:
    """Something wrong with an aircraft. It is rectified by closing a task card that is made from it, or deferred."""

    number = column("Its number in the organization, from 1 without gaps.", filter=True, order=True, unique=True)
    aircraft = to_one("Aircraft", "The aircraft that has it.", via="aircraft_id")
    aircraft_id = column("The id of the aircraft, for filters.", id_prefix="ac", filter=True)
    found_on_card = to_one(
        "TaskCard", "The task card on whose work it was found; null when it was not.", via="task_card_id"
    )
    found_on_card_id = column(
        "The id of that task card, for filters.", source="task_card_id", id_prefix="tc", filter=True
    )
    cards = to_many("TaskCard", "The task cards that are made from it.", via="defect_id")
    description = column("What is wrong, with line breaks.", search=True)
    ata_chapter = column(
        "Chapter, section and subject of ATA iSpec 2200, as in `32-41`; null when not stated.", filter=True, order=True
    )
    status = column("What became of it.", enum=DefectStatus, filter=True, order=True)
    found_on = column("The day of discovery, in the organization's time zone.", filter=True, order=True)
    reporter = to_one("User", "Who reported it; null for somebody who is no member.", via="reporter_id", nullable=True)
    reporter_id = column("The id of who reported it, for filters.", id_prefix="usr", filter=True)
    rectified_on = column("The day on which it was rectified; null before.", filter=True, order=True)
    deferral = to_one(
        "Deferral",
        "Its deferral; null when it never was deferred.",
        on=lambda defect, deferral, _: (deferral.org_id == defect.org_id) & (deferral.defect_id == defect.id),
    )
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was reported.", filter=True, order=True)
    updated_at = column("When it was last changed.")


@projection(DeferralRow, prefix="dl", requires=Permission.WORK_ORDER_READ, default_order=("dueOn",), logged=True)
class Deferral:
    """A defect that the aircraft may fly with, under an item of its minimum equipment list. A deferral that is overdue
    grounds the aircraft."""

    defect = to_one("Defect", "What is deferred.", via="defect_id")
    aircraft = to_one("Aircraft", "The aircraft that may fly with it.", via="aircraft_id")
    aircraft_id = column("The id of the aircraft, for filters.", id_prefix="ac", filter=True)
    category = column("Its repair category.", enum=MelCategory, filter=True, order=True)
    mel_item = column("The item of the minimum equipment list, as in `32-41-01`.")
    limitations = column("What must be observed as long as it lasts, with line breaks; null for nothing.")
    interval_days = column("The limit in days, without extension; null for an item of category A without one.")
    deferred_on = column("The day on which it was deferred.", filter=True, order=True)
    due_on = column(
        "The last day on which the aircraft may fly with it, extension included; null without a limit in days.",
        filter=True,
        order=True,
    )
    due_minutes = column(
        "The flight time since new of the aircraft, in minutes, up to which it may fly with it; null without such a"
        " limit."
    )
    due_cycles = column("The same in flight cycles since new; null without such a limit.")
    overdue = computed(
        "Whether it is in force beyond its limit today, in the organization's time zone.",
        bool,
        lambda m, _: (
            select(Aircraft.id)
            .where(
                Aircraft.org_id == m.org_id,
                Aircraft.id == m.aircraft_id,
                overdue(m, Aircraft, func.local_today(m.org_id)),
            )
            .correlate(m)
            .exists()
        ),
        logged=False,
    )
    signatory = to_one(
        "User", "Who deferred it; null for who is no member any more.", via="signatory_id", nullable=True
    )
    authorisation = to_one("Authorisation", "The authorisation that it was deferred by.", via="authorisation_id")
    extension_days = column("By how many days it was extended; null when it was not.")
    extension_reason = column("Why it was extended; null when it was not.")
    extended_on = column("The day on which it was extended; null when it was not.")
    extender = to_one("User", "Who extended it; null when it was not.", via="extender_id", nullable=True)
    extension_authorisation = to_one(
        "Authorisation", "The authorisation that it was extended by.", via="extended_authorisation_id"
    )
    ended_on = column("The day of the rectification; null while it is in force.", filter=True, order=True)
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was recorded.", filter=True, order=True)


defect = one("defect", Defect, "A defect by id.")
defect_list = many("defects", Defect, "The defects of the organization's aircraft, the latest first.")
defect_aggregate = aggregate(
    "defectAggregate", Defect, "How many defects there are, by status, aircraft, ATA chapter or time."
)
deferral = one("deferral", Deferral, "A deferral by id.")
deferral_list = many("deferrals", Deferral, "The deferrals of defects, what ends first before the others.")
deferral_aggregate = aggregate(
    "deferralAggregate", Deferral, "How many deferrals there are, by category, aircraft or time."
)


@strawberry.input(description="A defect that was found.")
class ReportDefectInput:
    aircraft_id: strawberry.ID = strawberry.field(description="The aircraft, `ac_…`.")
    description: str = strawberry.field(
        description="What is wrong: plain text with line breaks, 1 to 4,000 characters."
    )
    found_on: date | None = strawberry.field(
        default=None,
        description="The day of discovery, from which a deferral counts; not in the future. Today when not given.",
    )
    ata_chapter: str | None = strawberry.field(
        default=None, description="Its ATA chapter, with section and subject if known: `32`, `32-41` or `32-41-01`."
    )
    task_card_id: strawberry.ID | None = strawberry.field(
        default=None, description="The task card, `tc_…`, on whose work it was found."
    )


@strawberry.input(description="The limit that an item of category A states, counted from the discovery.")
class StatedLimitInput:
    days: int | None = strawberry.field(
        default=None, description="Calendar days, the day of discovery not counted; 1 to 3,650."
    )
    minutes: int | None = strawberry.field(
        default=None, description="Flight time in minutes, from the aircraft's total now; 1 to 1,000,000."
    )
    cycles: int | None = strawberry.field(
        default=None, description="Flight cycles, from the aircraft's total now; 1 to 100,000."
    )


@strawberry.input(description="Under which item of the minimum equipment list a defect is deferred.")
class DeferDefectInput:
    defect_id: strawberry.ID = strawberry.field(description="The defect, `df_…`; an open one.")
    category: MelCategory = strawberry.field(description="The repair category of the item.")
    mel_item: str = strawberry.field(description="The item, as in `32-41-01`; 1 to 50 characters.")
    stated: StatedLimitInput | None = strawberry.field(
        default=None, description="For category A, and only for it: the limit that the item states."
    )
    limitations: str | None = strawberry.field(
        default=None, description="What must be observed as long as it lasts; at most 4,000 characters."
    )
    expected_version: int | None = strawberry.field(
        default=None, description=EXPECTED_VERSION + " Null: do it whatever the version."
    )


@strawberry.input(description="By how much to extend a deferral, and why.")
class ExtendDeferralInput:
    id: strawberry.ID = strawberry.field(description="The deferral, `dl_…`.")
    days: int = strawberry.field(description="How many days; at most as many as its interval.")
    reason: str = strawberry.field(description="Why: one line of 1 to 1,000 characters.")
    expected_version: int | None = strawberry.field(
        default=None, description=EXPECTED_VERSION + " Null: do it whatever the version."
    )


@mutation(requires=Permission.DEFECT_REPORT, entity=("defect", Defect))
async def report_defect(ctx: Ctx, input: ReportDefectInput) -> UUID:
    """Report a defect of an aircraft. Until it is rectified or deferred the aircraft cannot be released."""
    return await defects.report(
        ctx,
        aircraft_id=ids.decode("ac", input.aircraft_id),
        description=input.description,
        found_on=input.found_on,
        ata_chapter=input.ata_chapter,
        task_card_id=ids.decode("tc", input.task_card_id) if input.task_card_id else None,
    )


@mutation(requires=Permission.WORK_ORDER_SIGN, entity=("deferral", Deferral))
async def defer_defect(ctx: Ctx, input: DeferDefectInput) -> UUID:
    """Let an aircraft fly with an open defect, within the limit of its category. It needs an effective authorisation as
    CERTIFYING_STAFF. A defect is deferred once; one whose interval has passed since the discovery, never."""
    return await defects.defer(
        ctx,
        ids.decode("df", input.defect_id),
        category=input.category,
        mel_item=input.mel_item,
        stated=Stated(input.stated.days, input.stated.minutes, input.stated.cycles) if input.stated else None,
        limitations=input.limitations,
        expected_version=input.expected_version,
    )


@mutation(requires=Permission.WORK_ORDER_SIGN, entity=("deferral", Deferral))
async def extend_deferral(ctx: Ctx, input: ExtendDeferralInput) -> UUID:
    """Extend a deferral before it ends: once, for no longer than its interval, and never one of category A. It needs an
    effective authorisation as CERTIFYING_STAFF."""
    return await defects.extend(
        ctx,
        ids.decode("dl", input.id),
        days=input.days,
        reason=input.reason,
        expected_version=input.expected_version,
    )


QUERIES = [defect, defect_list, defect_aggregate, deferral, deferral_list, deferral_aggregate]
MUTATIONS = [report_defect, defer_defect, extend_deferral]
SUBSCRIPTIONS = [changed(Defect), changed(Deferral)]

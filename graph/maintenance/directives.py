"""Directives in the graph."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import strawberry

from db.maintenance.directives import Directive as DirectiveRow
from db.maintenance.directives import DirectiveApplicability as DirectiveApplicabilityRow
from db.maintenance.directives import DirectiveDecision, DirectiveKind, DirectiveState, DirectiveStatus
from db.maintenance.directives import DirectiveEntry as DirectiveEntryRow
from domain.context import Ctx
from domain.maintenance import directives
from domain.permissions import Permission
from graph.compiler.projection import column, projection, to_many, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.inputs import EXPECTED_VERSION, Version, given
from graph.core.mutations import mutation
from graph.events.changed import changed

describe(
    DirectiveKind,
    "What kind of directive it is.",
    {"AD": "An airworthiness directive of an authority.", "SB": "A service bulletin of a manufacturer."},
)
describe(
    DirectiveStatus,
    "Where a directive stands on an aircraft.",
    {
        "NOT_APPLICABLE": "The aircraft's serial number is outside of its ranges, or it was found not to apply.",
        "OPEN": "It was not complied with yet.",
        "COMPLIED": "It was complied with; it may be due again.",
        "SUPERSEDED": "Another directive took its place.",
    },
)
describe(
    DirectiveDecision,
    "What was recorded about a directive on an aircraft.",
    {"COMPLIED": "It was complied with.", "NOT_APPLICABLE": "It was found not to apply."},
)


@projection(
    DirectiveRow, prefix="dir", requires=Permission.MAINTENANCE_READ, default_order=("-effectiveOn",), logged=True
)
class Directive:
    """An airworthiness directive or a service bulletin. Without any limit it is only kept track of, and never due."""

    kind = column("What kind it is.", enum=DirectiveKind, filter=True, order=True)
    number = column("Its number, in capital letters, as in `2024-0123`.", filter=True, order=True, search=True)
    revision = column("Its revision, as in `R1`; null for the first issue.")
    title = column("What it is about.", search=True)
    issuer = column("Which authority or manufacturer issued it.", filter=True, order=True)
    effective_on = column(
        "The day it takes effect; limits of the kind `within…` count from it.", filter=True, order=True
    )
    method = column("How to comply with it; null when not stated.")
    threshold_minutes = column(
        "To be complied with before this flight time since new, in minutes; null does not limit."
    )
    threshold_cycles = column("To be complied with before these flight cycles since new; null does not limit.")
    within_minutes = column(
        "To be complied with in this much flight time after the effective day, in minutes. With a threshold in the same"
        " dimension the later of the two holds; null does not limit."
    )
    within_cycles = column(
        "To be complied with in so many flight cycles after the effective day; with a threshold the later of the two"
        " holds; null does not limit."
    )
    within_days = column("To be complied with in so many days after the effective day; null does not limit.")
    within_months = column(
        "To be complied with in so many calendar months after the effective day; null does not limit."
    )
    interval_minutes = column("Flight time until it is due again, in minutes; null does not limit.")
    interval_cycles = column("Flight cycles until it is due again; null does not limit.")
    interval_days = column("Days until it is due again; null does not limit.")
    interval_months = column("Calendar months until it is due again; null does not limit.")
    superseded_by = to_one("Directive", "What took its place; null while it is in force.", via="superseded_by_id")
    superseded_by_id = column("The id of what took its place, for filters.", id_prefix="dir", filter=True)
    applicability = to_many("DirectiveApplicability", "Which aircraft it is for.", via="directive_id")
    aircraft = to_many("AircraftDirective", "The aircraft it is for, with its status on each.", via="directive_id")
    entries = to_many("DirectiveEntry", "What was recorded about it.", via="directive_id")
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was entered.", filter=True, order=True)
    updated_at = column("When it was last changed.")


@projection(DirectiveApplicabilityRow, prefix="dap", requires=Permission.MAINTENANCE_READ, logged=True)
class DirectiveApplicability:
    """Aircraft that a directive is for: those of a type, or some of them by serial number. Shorter serial numbers come
    before longer ones, so that 99 comes before 100."""

    directive = to_one("Directive", "The directive.", via="directive_id")
    directive_id = column("The id of the directive, for filters.", id_prefix="dir", filter=True)
    type = to_one("AircraftType", "The type.", via="type_id")
    type_id = column("The id of the type, for filters.", id_prefix="at", filter=True)
    serial_from = column("The first serial number; null is open.")
    serial_to = column("The last serial number; null is open.")


@projection(DirectiveState, prefix="dst", requires=Permission.MAINTENANCE_READ, logged=True)
class AircraftDirective:
    """A directive on an aircraft of a type that it names: its status, and when it is due next. Nothing of it is
    stored: it follows from the directive and from what was recorded."""

    directive = to_one("Directive", "The directive.", via="directive_id")
    directive_id = column("The id of the directive, for filters.", id_prefix="dir", filter=True)
    aircraft = to_one("Aircraft", "The aircraft.", via="aircraft_id")
    aircraft_id = column("The id of the aircraft, for filters.", id_prefix="ac", filter=True)
    status = column("Where it stands.", enum=DirectiveStatus, filter=True, order=True)
    entry = to_one("DirectiveEntry", "What was recorded last; null when nothing was.", via="entry_id")
    decided_on = column("The day of what was recorded last; null when nothing was.", filter=True, order=True)
    due_minutes = column("The aircraft's flight time at which it is due, in minutes; null when that does not limit it.")
    due_cycles = column("The aircraft's flight cycles at which it is due; null when they do not limit it.")
    due_on = column("The day on which it is due; null when calendar time does not limit it.", filter=True, order=True)


@projection(
    DirectiveEntryRow,
    prefix="den",
    requires=Permission.MAINTENANCE_READ,
    default_order=("-performedOn",),
    logged=True,
)
class DirectiveEntry:
    """What was done or decided about a directive on an aircraft. The record is never changed: one that was wrong is
    revoked, and what was recorded before it counts again."""

    directive = to_one("Directive", "The directive.", via="directive_id")
    directive_id = column("The id of the directive, for filters.", id_prefix="dir", filter=True)
    aircraft = to_one("Aircraft", "The aircraft.", via="aircraft_id")
    aircraft_id = column("The id of the aircraft, for filters.", id_prefix="ac", filter=True)
    decision = column("What was recorded.", enum=DirectiveDecision, filter=True, order=True)
    performed_on = column("The day it was done or decided.", filter=True, order=True)
    minutes = column("The aircraft's flight time then, in minutes.")
    cycles = column("The aircraft's flight cycles then.")
    method = column("How it was complied with, or why it does not apply.")
    terminating = column("Whether this ended a directive that would be due again.")
    is_latest = column("Whether it is the last one that counts: the status follows from it.")
    task_card = to_one(
        "TaskCard",
        "The task card whose closing recorded it; null when it was recorded by hand.",
        via="task_card_id",
        nullable=True,
    )
    task_card_id = column("The id of that task card, for filters.", id_prefix="tc", filter=True)
    recorder = to_one("User", "Who recorded it; null when by nobody who is a member.", via="recorder_id", nullable=True)
    recorder_id = column("The id of who recorded it, for filters.", id_prefix="usr", filter=True)
    revoked_at = column("When it was revoked; null when it was not.", filter=True, order=True)
    revoker = to_one("User", "Who revoked it; null when nobody did.", via="revoker_id", nullable=True)
    revocation = column("Why it was revoked; null when it was not.")
    created_at = column("When it was recorded.", filter=True, order=True)


QUERIES = [
    one("directive", Directive, "A directive by id."),
    many("directives", Directive, "The directives that the organization keeps track of."),
    aggregate("directiveAggregate", Directive, "Counts of directives, by kind, issuer or time."),
    many("aircraftDirectives", AircraftDirective, "The directives on each aircraft that they are for."),
    aggregate("aircraftDirectiveAggregate", AircraftDirective, "Counts by status, directive or aircraft."),
    many("directiveEntries", DirectiveEntry, "What was recorded about directives, revoked entries too."),
]

RANGES = "Which aircraft it is for: 1 to 200 types or ranges of serial numbers."


@strawberry.input(description="Aircraft of a type, all of them or those with serial numbers in a range.")
class ApplicabilityInput:
    type_id: strawberry.ID = strawberry.field(description="The type, `at_…`.")
    serial_from: str | None = strawberry.field(
        default=strawberry.UNSET, description="The first serial number; open unless given. 99 comes before 100."
    )
    serial_to: str | None = strawberry.field(
        default=strawberry.UNSET, description="The last serial number; open unless given."
    )


@strawberry.input(description="When a directive is due: null or absent does not limit.")
class DirectiveLimits:
    threshold_minutes: int | None = strawberry.field(
        default=strawberry.UNSET, description="Before this flight time since new, in minutes."
    )
    threshold_cycles: int | None = strawberry.field(
        default=strawberry.UNSET, description="Before these flight cycles since new."
    )
    within_minutes: int | None = strawberry.field(
        default=strawberry.UNSET, description="Flight time after the effective day, in minutes."
    )
    within_cycles: int | None = strawberry.field(
        default=strawberry.UNSET, description="Flight cycles after the effective day."
    )
    within_days: int | None = strawberry.field(default=strawberry.UNSET, description="Days after the effective day.")
    within_months: int | None = strawberry.field(
        default=strawberry.UNSET, description="Calendar months after the effective day."
    )
    interval_minutes: int | None = strawberry.field(
        default=strawberry.UNSET, description="Flight time until it is due again, in minutes."
    )
    interval_cycles: int | None = strawberry.field(
        default=strawberry.UNSET, description="Flight cycles until it is due again."
    )
    interval_days: int | None = strawberry.field(default=strawberry.UNSET, description="Days until it is due again.")
    interval_months: int | None = strawberry.field(
        default=strawberry.UNSET, description="Calendar months until it is due again."
    )


@strawberry.input(description="A directive to keep track of.")
class CreateDirectiveInput(DirectiveLimits):
    kind: DirectiveKind = strawberry.field(description="What kind it is.")
    number: str = strawberry.field(description="Its number; 1 to 50 characters, unique with the revision.")
    revision: str | None = strawberry.field(default=strawberry.UNSET, description="Its revision, if it is one.")
    title: str = strawberry.field(description="What it is about; 1 to 200 characters.")
    issuer: str = strawberry.field(description="Which authority or manufacturer issued it; 1 to 100 characters.")
    effective_on: date = strawberry.field(description="The day it takes effect; it may be in the future.")
    method: str | None = strawberry.field(
        default=strawberry.UNSET, description="How to comply with it; at most 10,000 characters, lines are kept."
    )
    applicability: list[ApplicabilityInput] = strawberry.field(description=RANGES)
    supersedes_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The directive whose place it takes, `dir_…`, an earlier revision say."
    )


@strawberry.input(description="What to correct of a directive. What is absent stays; null clears what may be null.")
class UpdateDirectiveInput(DirectiveLimits):
    id: strawberry.ID = strawberry.field(description="The directive, `dir_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    number: str | None = strawberry.field(default=strawberry.UNSET, description="Another number.")
    revision: str | None = strawberry.field(default=strawberry.UNSET, description="Another revision.")
    title: str | None = strawberry.field(default=strawberry.UNSET, description="Another title.")
    issuer: str | None = strawberry.field(default=strawberry.UNSET, description="Another issuer.")
    effective_on: date | None = strawberry.field(default=strawberry.UNSET, description="Another day of effect.")
    method: str | None = strawberry.field(default=strawberry.UNSET, description="Another method of compliance.")
    applicability: list[ApplicabilityInput] | None = strawberry.field(
        default=strawberry.UNSET, description=f"{RANGES} They take the place of those there are."
    )


@strawberry.input(description="That a directive was complied with on an aircraft.")
class RecordComplianceInput:
    aircraft_id: strawberry.ID = strawberry.field(description="The aircraft, `ac_…`.")
    directive_id: strawberry.ID = strawberry.field(description="The directive, `dir_…`; not a superseded one.")
    performed_on: date = strawberry.field(
        description="The day it was complied with: not in the future in the organization's time zone."
    )
    minutes: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="The aircraft's flight time then, in minutes; that at the end of the day unless given.",
    )
    cycles: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="The aircraft's flight cycles then; those at the end of the day unless given.",
    )
    method: str = strawberry.field(description="How it was complied with; 1 to 1,000 characters.")
    terminating: bool = strawberry.field(
        default=False, description="Whether this ends a directive that would be due again."
    )


@strawberry.input(description="That a directive does not apply to an aircraft that it names.")
class ExemptAircraftInput:
    aircraft_id: strawberry.ID = strawberry.field(description="The aircraft, `ac_…`.")
    directive_id: strawberry.ID = strawberry.field(description="The directive, `dir_…`.")
    performed_on: date = strawberry.field(description="The day that was found; not in the future.")
    reason: str = strawberry.field(description="Why; 1 to 1,000 characters.")


def _ranges(given_ranges: list[ApplicabilityInput]) -> list[directives.Range]:
    return [
        directives.Range(ids.decode("at", each.type_id), each.serial_from or None, each.serial_to or None)
        for each in given_ranges
    ]


@mutation(requires=Permission.DIRECTIVE_MANAGE, entity=("directive", Directive))
async def create_directive(ctx: Ctx, input: CreateDirectiveInput) -> UUID:
    """Enter a directive. It is open at once on all aircraft that it is for, those that come later too."""
    values = given(input, but=("applicability",), prefixes={"supersedes_id": "dir"})
    return await directives.create(ctx, applicability=_ranges(input.applicability), **values)


@mutation(requires=Permission.DIRECTIVE_MANAGE, entity=("directive", Directive))
async def update_directive(ctx: Ctx, input: UpdateDirectiveInput) -> UUID:
    """Correct how a directive was entered. For a new revision enter another one that supersedes it."""
    values = given(input, but=("id", "expected_version", "applicability"), never_null=("effective_on",))
    ranges = _ranges(input.applicability) if input.applicability else None
    return await directives.update(
        ctx,
        ids.decode("dir", input.id),
        expected_version=input.expected_version,
        applicability=ranges,
        changes=values,
    )


DirectiveId = Annotated[strawberry.ID, strawberry.argument(description="The directive, `dir_…`.")]
EntryId = Annotated[strawberry.ID, strawberry.argument(description="What was recorded, `den_…`.")]
Reason = Annotated[str, strawberry.argument(description="Why; 1 to 1,000 characters.")]


@mutation(
    requires=Permission.DIRECTIVE_MANAGE,
    payload={"deletedId": (strawberry.ID | None, "The directive that is gone; null when there are errors.")},
)
async def delete_directive(ctx: Ctx, id: DirectiveId, expected_version: Version) -> dict[str, Any]:
    """Delete a directive that was entered by mistake. One that something was recorded about, or that supersedes
    another, is kept: the error is IN_USE."""
    deleted = await directives.delete(ctx, ids.decode("dir", id), expected_version=expected_version)
    return {"deletedId": ids.encode("dir", deleted)}


@mutation(requires=Permission.ACCOMPLISHMENT_RECORD, entity=("directiveEntry", DirectiveEntry))
async def record_compliance(ctx: Ctx, input: RecordComplianceInput) -> UUID:
    """Record that a directive was complied with on an aircraft, in the order in which it was."""
    values = given(input, but=("performed_on",), prefixes={"aircraft_id": "ac", "directive_id": "dir"})
    return await directives.record(ctx, on=input.performed_on, **values)


@mutation(requires=Permission.DIRECTIVE_MANAGE, entity=("directiveEntry", DirectiveEntry))
async def exempt_aircraft(ctx: Ctx, input: ExemptAircraftInput) -> UUID:
    """Record that a directive does not apply to an aircraft that it names, and why: a modification, or a part that is
    not on it. It is due no more there."""
    return await directives.exempt(
        ctx,
        aircraft_id=ids.decode("ac", input.aircraft_id),
        directive_id=ids.decode("dir", input.directive_id),
        on=input.performed_on,
        reason=input.reason,
    )


@mutation(requires=Permission.ACCOMPLISHMENT_RECORD, entity=("directiveEntry", DirectiveEntry))
async def revoke_directive_entry(ctx: Ctx, id: EntryId, reason: Reason) -> UUID:
    """Take back the last record of a directive on an aircraft: what was recorded before it counts again. That it does
    not apply is taken back by those who may say so (DIRECTIVE_MANAGE)."""
    return await directives.take_back(ctx, ids.decode("den", id), reason=reason)


MUTATIONS = [
    create_directive,
    update_directive,
    delete_directive,
    record_compliance,
    exempt_aircraft,
    revoke_directive_entry,
]
SUBSCRIPTIONS = [changed(Directive), changed(DirectiveEntry)]

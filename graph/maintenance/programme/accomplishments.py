"""Accomplished tasks in the graph."""

from datetime import date
from typing import Annotated
from uuid import UUID

import strawberry

from db.maintenance.programme import Accomplishment as AccomplishmentRow
from domain.context import Ctx
from domain.maintenance.programme import accomplishing
from domain.permissions import Permission
from graph.compiler.projection import column, projection, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.mutations import mutation
from graph.events.changed import changed


@projection(
    AccomplishmentRow,
    prefix="acc",
    requires=Permission.MAINTENANCE_READ,
    default_order=("-performedOn",),
    logged=True,
)
class Accomplishment:
    """A programme task that was done. The record is never changed: one that was wrong is revoked, and what was done
    before it counts again."""

    aircraft = to_one("Aircraft", "The aircraft it was done on.", via="aircraft_id")
    aircraft_id = column("The id of the aircraft, for filters.", id_prefix="ac", filter=True)
    task = to_one("ProgrammeTask", "What was done.", via="task_id")
    task_id = column("The id of the task, for filters.", id_prefix="mt", filter=True)
    component = to_one(
        "Component", "The component it was done to; null for a task on the aircraft itself.", via="component_id"
    )
    component_id = column("The id of the component, for filters.", id_prefix="cmp", filter=True)
    performed_on = column("The day it was done.", filter=True, order=True)
    minutes = column("The aircraft's flight time then, in minutes.")
    cycles = column("The aircraft's flight cycles then.")
    component_minutes = column("The component's flight time since new then, in minutes; null without a component.")
    component_cycles = column("The component's flight cycles since new then; null without a component.")
    basis_minutes = column("The flight time that the next interval counts from, in minutes.")
    basis_cycles = column("The flight cycles that the next interval counts from.")
    basis_on = column("The day that the next interval counts from.")
    is_latest = column("Whether it is the last one that counts: what is due next follows from it.")
    task_card = to_one(
        "TaskCard",
        "The task card whose closing recorded it; null when it was recorded by hand.",
        via="task_card_id",
        nullable=True,
    )
    task_card_id = column("The id of that task card, for filters.", id_prefix="tc", filter=True)
    note = column("A remark; null when there is none.")
    recorder = to_one("User", "Who recorded it; null when by nobody who is a member.", via="recorder_id", nullable=True)
    recorder_id = column("The id of who recorded it, for filters.", id_prefix="usr", filter=True)
    revoked_at = column("When it was revoked; null when it was not.", filter=True, order=True)
    revoker = to_one("User", "Who revoked it; null when nobody did.", via="revoker_id", nullable=True)
    revocation = column("Why it was revoked; null when it was not.")
    created_at = column("When it was recorded.", filter=True, order=True)


accomplishment = one("accomplishment", Accomplishment, "An accomplished task by id.")
accomplishment_list = many("accomplishments", Accomplishment, "What was done, revoked records too.")
accomplishment_aggregate = aggregate(
    "accomplishmentAggregate", Accomplishment, "Counts of what was done, by aircraft, task, component, person or time."
)

PERFORMED_ON = "The day it was done: not in the future in the organization's time zone."
READING = "at that moment: between what its log had before that day and after it; at the end of the day unless given."


@strawberry.input(description="A task that was done.")
class RecordAccomplishmentInput:
    aircraft_id: strawberry.ID = strawberry.field(description="The aircraft, `ac_…`; it follows the task's programme.")
    task_id: strawberry.ID = strawberry.field(description="The task, `mt_…`.")
    component_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="For a task on components, the one it was done to, `cmp_…`; it was on the aircraft that day.",
    )
    performed_on: date = strawberry.field(description=PERFORMED_ON)
    minutes: int | None = strawberry.field(
        default=strawberry.UNSET, description=f"The aircraft's flight time, in minutes, {READING}"
    )
    cycles: int | None = strawberry.field(
        default=strawberry.UNSET, description=f"The aircraft's flight cycles {READING}"
    )
    note: str | None = strawberry.field(default=strawberry.UNSET, description="A remark; at most 1,000 characters.")


@mutation(requires=Permission.ACCOMPLISHMENT_RECORD, entity=("accomplishment", Accomplishment))
async def record_accomplishment(ctx: Ctx, input: RecordAccomplishmentInput) -> UUID:
    """Record that a task was done, in the order in which it was: what is due next follows from the last time."""
    return await accomplishing.record(
        ctx,
        aircraft_id=ids.decode("ac", input.aircraft_id),
        task_id=ids.decode("mt", input.task_id),
        component_id=ids.decode("cmp", input.component_id) if input.component_id else None,
        on=input.performed_on,
        # Unset is false, but so is zero.
        minutes=None if input.minutes is strawberry.UNSET else input.minutes,
        cycles=None if input.cycles is strawberry.UNSET else input.cycles,
        note=input.note or None,
    )


AccomplishmentId = Annotated[strawberry.ID, strawberry.argument(description="What was recorded, `acc_…`.")]
Reason = Annotated[str, strawberry.argument(description="Why; 1 to 1,000 characters.")]


@mutation(requires=Permission.ACCOMPLISHMENT_RECORD, entity=("accomplishment", Accomplishment))
async def revoke_accomplishment(ctx: Ctx, id: AccomplishmentId, reason: Reason) -> UUID:
    """Take back the last record of a task: it was not done, or not so. What was recorded before it counts again."""
    return await accomplishing.take_back(ctx, ids.decode("acc", id), reason=reason)


QUERIES = [accomplishment, accomplishment_list, accomplishment_aggregate]
MUTATIONS = [record_accomplishment, revoke_accomplishment]
SUBSCRIPTIONS = [changed(Accomplishment)]

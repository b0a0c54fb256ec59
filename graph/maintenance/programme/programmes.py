"""Maintenance programmes in the graph, and which aircraft follow them."""

from datetime import date
from typing import Annotated, Any
from typing import cast as typed
from uuid import UUID

import strawberry

from db.maintenance.programme import AircraftProgramme as AircraftProgrammeRow
from db.maintenance.programme import Programme as ProgrammeRow
from domain.context import Ctx
from domain.maintenance.programme import programmes
from domain.permissions import Permission
from graph.compiler.projection import column, projection, to_many, to_one
from graph.compiler.roots import many, one
from graph.core import ids
from graph.core.inputs import EXPECTED_VERSION, Version, given
from graph.core.mutations import mutation
from graph.events.changed import changed


@projection(ProgrammeRow, prefix="mp", requires=Permission.MAINTENANCE_READ, default_order=("name",), logged=True)
class Programme:
    """A maintenance programme: what aircraft of a type have done to them, and when."""

    name = column("What it is called; unique in the organization.", filter=True, order=True)
    type = to_one("AircraftType", "The type of aircraft it is for.", via="type_id")
    type_id = column("The id of the type, for filters.", id_prefix="at", filter=True)
    revision = column("Its revision, as in `Issue 3, revision 12`; null when not stated.")
    approval = column("Who approved it, and under which reference; null when not stated.")
    approved_on = column("The day it was approved; null when not stated.", filter=True, order=True)
    tasks = to_many("ProgrammeTask", "Its tasks, withdrawn ones too.", via="programme_id")
    aircraft = to_many("AircraftProgramme", "The aircraft that follow it.", via="programme_id")
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was added.", filter=True, order=True)
    updated_at = column("When it was last changed.")


@projection(
    AircraftProgrammeRow, prefix="afp", requires=Permission.MAINTENANCE_READ, default_order=("-since",), logged=True
)
class AircraftProgramme:
    """An aircraft follows a maintenance programme: the programme's tasks are due on it. It may follow several."""

    aircraft = to_one("Aircraft", "The aircraft.", via="aircraft_id")
    aircraft_id = column("The id of the aircraft, for filters.", id_prefix="ac", filter=True)
    programme = to_one("Programme", "The programme.", via="programme_id")
    programme_id = column("The id of the programme, for filters.", id_prefix="mp", filter=True)
    since = column(
        "Since when. Calendar limits count from this day on aircraft that do not say when they were manufactured.",
        filter=True,
        order=True,
    )
    created_at = column("When it was recorded.", filter=True, order=True)


programme = one("programme", Programme, "A maintenance programme by id.")
programme_list = many("programmes", Programme, "The organization's maintenance programmes.")
followed_list = many("aircraftProgrammes", AircraftProgramme, "Which aircraft follow which programmes.")

REVISION = "Its revision; at most 50 characters."
APPROVAL = "Who approved it, and under which reference; at most 200 characters."
APPROVED_ON = "The day it was approved; not in the future."


@strawberry.input(description="A new maintenance programme.")
class CreateProgrammeInput:
    name: str = strawberry.field(description="What it is called; 1 to 100 characters, unique in the organization.")
    type_id: strawberry.ID = strawberry.field(description="The type of aircraft it is for, `at_…`.")
    revision: str | None = strawberry.field(default=strawberry.UNSET, description=REVISION)
    approval: str | None = strawberry.field(default=strawberry.UNSET, description=APPROVAL)
    approved_on: date | None = strawberry.field(default=strawberry.UNSET, description=APPROVED_ON)


@strawberry.input(description="What to change of a programme. What is absent stays; null clears what may be null.")
class UpdateProgrammeInput:
    id: strawberry.ID = strawberry.field(description="The programme, `mp_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    name: str | None = strawberry.field(default=strawberry.UNSET, description="Another name.")
    revision: str | None = strawberry.field(default=strawberry.UNSET, description=REVISION)
    approval: str | None = strawberry.field(default=strawberry.UNSET, description=APPROVAL)
    approved_on: date | None = strawberry.field(default=strawberry.UNSET, description=APPROVED_ON)


@strawberry.input(description="An aircraft that is to follow a programme.")
class FollowProgrammeInput:
    aircraft_id: strawberry.ID = strawberry.field(description="The aircraft, `ac_…`, of the programme's type.")
    programme_id: strawberry.ID = strawberry.field(description="The programme, `mp_…`.")
    since: date | None = strawberry.field(
        default=strawberry.UNSET,
        description="Since when; today in the organization's time zone unless given, and not in the future.",
    )


@mutation(requires=Permission.PROGRAMME_MANAGE, entity=("programme", Programme))
async def create_programme(ctx: Ctx, input: CreateProgrammeInput) -> UUID:
    """Add a maintenance programme; `createProgrammeTask` adds its tasks."""
    return await programmes.create(ctx, **given(input, prefixes={"type_id": "at"}))


@mutation(requires=Permission.PROGRAMME_MANAGE, entity=("programme", Programme))
async def update_programme(ctx: Ctx, input: UpdateProgrammeInput) -> UUID:
    """Change a programme's record; it stays a programme for the same type."""
    values = given(input, but=("id", "expected_version"))
    return await programmes.update(
        ctx,
        ids.decode("mp", input.id),
        expected_version=input.expected_version,
        changes=typed(programmes.Changes, values),
    )


ProgrammeId = Annotated[strawberry.ID, strawberry.argument(description="The programme, `mp_…`.")]
FollowedId = Annotated[strawberry.ID, strawberry.argument(description="That an aircraft follows a programme, `afp_…`.")]


@mutation(
    requires=Permission.PROGRAMME_MANAGE,
    payload={"deletedId": (strawberry.ID | None, "The programme that is gone; null when there are errors.")},
)
async def delete_programme(ctx: Ctx, id: ProgrammeId, expected_version: Version) -> dict[str, Any]:
    """Delete a programme with its tasks. One that aircraft follow, or of which a task was ever done, is kept: the
    error is IN_USE."""
    deleted = await programmes.delete(ctx, ids.decode("mp", id), expected_version=expected_version)
    return {"deletedId": ids.encode("mp", deleted)}


@mutation(requires=Permission.PROGRAMME_MANAGE, entity=("aircraftProgramme", AircraftProgramme))
async def follow_programme(ctx: Ctx, input: FollowProgrammeInput) -> UUID:
    """Let an aircraft follow a programme: its tasks are due on the aircraft from now on. Enter what was done already
    with `recordAccomplishment`."""
    return await programmes.follow(
        ctx,
        aircraft_id=ids.decode("ac", input.aircraft_id),
        programme_id=ids.decode("mp", input.programme_id),
        since=input.since or None,
    )


@mutation(
    requires=Permission.PROGRAMME_MANAGE,
    payload={"deletedId": (strawberry.ID | None, "What is no longer so; null when there are errors.")},
)
async def leave_programme(ctx: Ctx, id: FollowedId) -> dict[str, Any]:
    """An aircraft follows a programme no longer: its tasks are not due on it any more. What was done stays."""
    deleted = await programmes.leave(ctx, ids.decode("afp", id))
    return {"deletedId": ids.encode("afp", deleted)}


QUERIES = [programme, programme_list, followed_list]
MUTATIONS = [create_programme, update_programme, delete_programme, follow_programme, leave_programme]
SUBSCRIPTIONS = [changed(Programme), changed(AircraftProgramme)]

"""Aircraft in the graph."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any
from typing import cast as typed
from uuid import UUID

import strawberry
from sqlalchemy import Numeric, and_, cast, func, select

from db.fleet.aircraft import Aircraft as AircraftRow
from db.fleet.aircraft import AircraftStatus
from db.maintenance.defects import Deferral, overdue
from domain.context import Ctx
from domain.fleet import aircraft
from domain.fleet.utilisation import Opening
from domain.permissions import Permission
from graph.compiler.projection import column, computed, projection, to_many, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.inputs import EXPECTED_VERSION, Version, VersionIfKnown, given
from graph.core.mutations import mutation
from graph.events.changed import changed

describe(
    AircraftStatus,
    "What an aircraft is doing.",
    {
        "ACTIVE": "In service.",
        "MAINTENANCE": "In maintenance, not available.",
        "STORED": "Parked for a longer time.",
        "RETIRED": "Out of service for good: it takes no more utilisation.",
    },
)


@projection(AircraftRow, prefix="ac", requires=Permission.FLEET_READ, default_order=("registration",), logged=True)
class Aircraft:
    """An aircraft that the organization operates or maintains. Its totals are the sum of its utilisation log."""

    registration = column(
        "Registration mark in capital letters, as in `D-AIBC`; unique in the organization.",
        filter=True,
        order=True,
        search=True,
    )
    type = to_one("AircraftType", "What type of aircraft it is.", via="type_id")
    type_id = column("The id of its type, for filters.", id_prefix="at", filter=True)
    serial_number = column(
        "The manufacturer's serial number in capital letters; unique for the type.",
        filter=True,
        order=True,
        search=True,
    )
    status = column("What it is doing.", enum=AircraftStatus, filter=True, order=True)
    manufactured_on = column("The day it was manufactured; null when not stated.", filter=True, order=True)
    base_airport = column(
        "ICAO location indicator of its base, as in `EDDF`; null when it has none.", filter=True, order=True
    )
    total_minutes = column("Flight time since new, in minutes.", filter=True, order=True)
    total_hours = computed(
        "Flight time since new in hours with two decimals, as in `1234.50`. `totalMinutes` is exact.",
        Decimal,
        lambda m, _: func.round(cast(m.total_minutes, Numeric) / 60, 2),
    )
    total_cycles = column("Flight cycles since new.", filter=True, order=True)
    utilisation = to_many(
        "UtilisationEntry", "Its utilisation log, the latest day first unless ordered otherwise.", via="aircraft_id"
    )
    work_orders = to_many(
        "WorkOrder", "The work orders on it, the latest first unless ordered otherwise.", via="aircraft_id"
    )
    defects = to_many("Defect", "Its defects, the latest first unless ordered otherwise.", via="aircraft_id")
    # What is overdue depends on the day.
    grounded = computed(
        "Whether it may not fly, because the deferral of a defect is overdue today, in the organization's time zone.",
        bool,
        lambda m, _: (
            select(Deferral.id)
            .where(
                Deferral.org_id == m.org_id,
                Deferral.aircraft_id == m.id,
                overdue(Deferral, m, func.local_today(m.org_id)),
            )
            .correlate(m)
            .exists()
        ),
        logged=False,
    )
    grounded_by = to_many(
        "Deferral",
        "The deferrals that ground it: those that are overdue.",
        on=lambda m, deferral, _: and_(
            deferral.org_id == m.org_id,
            deferral.aircraft_id == m.id,
            overdue(deferral, m, func.local_today(m.org_id)),
        ),
        logged=False,
    )
    installations = to_many(
        "Installation",
        "The components that are and were on it; `where: {removedOn: {isNull: true}}` for those now.",
        via="aircraft_id",
    )
    due_items = to_many(
        "DueItem", "What is due on it, first what limits it first; needs MAINTENANCE_READ.", via="aircraft_id"
    )
    directives = to_many(
        "AircraftDirective", "The directives for it, with their status; needs MAINTENANCE_READ.", via="aircraft_id"
    )
    programmes = to_many(
        "AircraftProgramme", "The maintenance programmes that it follows; needs MAINTENANCE_READ.", via="aircraft_id"
    )
    releases = to_many("Release", "Its certificates of release to service; needs RELEASE_READ.", via="aircraft_id")
    version = column(
        "Counts changes of the record; pass it as `expectedVersion`. Recorded utilisation does not count as one."
    )
    created_at = column("When it was added.", filter=True, order=True)
    updated_at = column("When the record or its totals last changed.", filter=True, order=True)


one_aircraft = one("aircraft", Aircraft, "An aircraft by id.")
aircraft_list = many("aircraftList", Aircraft, "The organization's aircraft.")

REGISTRATION = "Registration mark: 2 to 10 letters, digits and single hyphens; stored in capital letters."
SERIAL_NUMBER = "The manufacturer's serial number, at most 50 characters; stored in capital letters."
BASE = "ICAO location indicator of its base: four letters, as in `EDDF`."


@strawberry.input(description="What an aircraft had flown before it came into the utilisation log.")
class OpeningInput:
    minutes: int = strawberry.field(description="Flight time since new, in minutes.")
    cycles: int = strawberry.field(description="Flight cycles since new.")
    on: date | None = strawberry.field(
        default=strawberry.UNSET, description="The day these totals are of; today in the organization's time zone."
    )
    note: str | None = strawberry.field(
        default=strawberry.UNSET, description="Where they come from; at most 1,000 characters."
    )


@strawberry.input(description="A new aircraft.")
class CreateAircraftInput:
    registration: str = strawberry.field(description=REGISTRATION)
    type_id: strawberry.ID = strawberry.field(description="Its type, `at_…`.")
    serial_number: str = strawberry.field(description=SERIAL_NUMBER)
    status: AircraftStatus = strawberry.field(default=AircraftStatus.ACTIVE, description="What it is doing.")
    manufactured_on: date | None = strawberry.field(
        default=strawberry.UNSET, description="The day it was manufactured; not in the future."
    )
    base_airport: str | None = strawberry.field(default=strawberry.UNSET, description=BASE)
    opening: OpeningInput | None = strawberry.field(
        default=strawberry.UNSET, description="Its totals so far; they become the first entry of its log."
    )


@strawberry.input(description="What to change of an aircraft. What is absent stays; null clears what may be null.")
class UpdateAircraftInput:
    id: strawberry.ID = strawberry.field(description="The aircraft, `ac_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    registration: str | None = strawberry.field(default=strawberry.UNSET, description=REGISTRATION)
    type_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Another type, `at_…`.")
    serial_number: str | None = strawberry.field(default=strawberry.UNSET, description=SERIAL_NUMBER)
    manufactured_on: date | None = strawberry.field(
        default=strawberry.UNSET,
        description="The day it was manufactured: not in the future, and not after its first recorded utilisation.",
    )
    base_airport: str | None = strawberry.field(default=strawberry.UNSET, description=BASE)


def opening_of(given_opening: OpeningInput | None) -> Opening | None:
    if not given_opening:
        return None
    return Opening(
        minutes=given_opening.minutes,
        cycles=given_opening.cycles,
        on=given_opening.on or None,
        note=given_opening.note or None,
    )


@mutation(requires=Permission.FLEET_MANAGE, entity=("aircraft", Aircraft))
async def create_aircraft(ctx: Ctx, input: CreateAircraftInput) -> UUID:
    """Add an aircraft to the fleet, with what it has flown so far."""
    values = given(input, but=("opening",), prefixes={"type_id": "at"})
    return await aircraft.create(ctx, opening=opening_of(input.opening), **values)


@mutation(requires=Permission.FLEET_MANAGE, entity=("aircraft", Aircraft))
async def update_aircraft(ctx: Ctx, input: UpdateAircraftInput) -> UUID:
    """Change an aircraft's record. Its totals change by utilisation only, its status by `setAircraftStatus`."""
    values = given(input, but=("id", "expected_version"), never_null=("type_id",), prefixes={"type_id": "at"})
    return await aircraft.update(
        ctx,
        ids.decode("ac", input.id),
        expected_version=input.expected_version,
        changes=typed(aircraft.Changes, values),
    )


AircraftId = Annotated[strawberry.ID, strawberry.argument(description="The aircraft, `ac_…`.")]
Status = Annotated[AircraftStatus, strawberry.argument(description="What it does from now on.")]


@mutation(requires=Permission.FLEET_MANAGE, entity=("aircraft", Aircraft))
async def set_aircraft_status(
    ctx: Ctx, id: AircraftId, status: Status, expected_version: VersionIfKnown = None
) -> UUID:
    """Set what an aircraft is doing. Setting what it does already changes nothing."""
    return await aircraft.set_status(ctx, ids.decode("ac", id), status=status, expected_version=expected_version)


@mutation(
    requires=Permission.FLEET_MANAGE,
    payload={"deletedId": (strawberry.ID | None, "The aircraft that is gone; null when there are errors.")},
)
async def delete_aircraft(ctx: Ctx, id: AircraftId, expected_version: Version) -> dict[str, Any]:
    """Delete an aircraft that was entered by mistake. One with utilisation beyond its opening entry is kept: the
    error is IN_USE, and `setAircraftStatus` to RETIRED is the way."""
    deleted = await aircraft.delete(ctx, ids.decode("ac", id), expected_version=expected_version)
    return {"deletedId": ids.encode("ac", deleted)}


aircraft_aggregate = aggregate(
    "aircraftAggregate", Aircraft, "Counts and totals of the fleet, by status, type, base or time."
)

QUERIES = [one_aircraft, aircraft_list, aircraft_aggregate]
MUTATIONS = [create_aircraft, update_aircraft, set_aircraft_status, delete_aircraft]
SUBSCRIPTIONS = [changed(Aircraft)]

"""Aircraft types in the graph."""

from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from db.fleet.aircraft_types import AircraftCategory
from db.fleet.aircraft_types import AircraftType as AircraftTypeRow
from domain.context import Ctx
from domain.fleet import aircraft_types
from domain.permissions import Permission
from graph.compiler.projection import column, projection, to_many
from graph.compiler.roots import many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.inputs import EXPECTED_VERSION, Version, given
from graph.core.mutations import mutation
from graph.events.changed import changed

describe(
    AircraftCategory,
    "What kind of aircraft a type is, after the classification of ICAO Annex 7.",
    {
        "AEROPLANE": "Power-driven, heavier than air, lift from fixed wings.",
        "HELICOPTER": "Lift from power-driven rotors.",
        "GYROPLANE": "Lift from rotors that turn freely in the air.",
        "POWERED_LIFT": "Takes off like a helicopter and cruises on wings, as tiltrotors do.",
        "GLIDER": "Heavier than air, not power-driven in its main flight.",
        "AIRSHIP": "Power-driven, lighter than air.",
        "BALLOON": "Lighter than air without an engine.",
    },
)


@projection(
    AircraftTypeRow, prefix="at", requires=Permission.FLEET_READ, default_order=("manufacturer", "model"), logged=True
)
class AircraftType:
    """A type of aircraft, like Airbus A320-214. Manufacturer and model together are unique in the organization."""

    manufacturer = column("Who makes it, as in `Airbus`.", filter=True, order=True, search=True)
    model = column("The model with its variant, as in `A320-214`.", filter=True, order=True, search=True)
    icao_designator = column(
        "Type designator of ICAO Doc 8643, as in `A320`: 2 to 4 letters and digits. Null when none is known.",
        filter=True,
        order=True,
        search=True,
    )
    type_certificate_holder = column(
        "Who holds the type certificate, when that is not the manufacturer; null when not stated."
    )
    engine_count = column("How many engines it has; null when not stated.", filter=True, order=True)
    category = column("What kind of aircraft it is.", enum=AircraftCategory, filter=True, order=True)
    aircraft = to_many("Aircraft", "The organization's aircraft of this type.", via="type_id")
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was added.", filter=True, order=True)
    updated_at = column("When it was last changed.")


aircraft_type = one("aircraftType", AircraftType, "An aircraft type by id.")
aircraft_type_list = many("aircraftTypes", AircraftType, "The organization's aircraft types.")

DESIGNATOR = "ICAO type designator (Doc 8643): 2 to 4 letters and digits that begin with a letter, as in `A320`."


@strawberry.input(description="A new aircraft type.")
class CreateAircraftTypeInput:
    manufacturer: str = strawberry.field(description="Who makes it; 1 to 100 characters.")
    model: str = strawberry.field(
        description="The model with its variant; 1 to 100 characters, unique with the manufacturer, whatever the case."
    )
    category: AircraftCategory = strawberry.field(description="What kind of aircraft it is.")
    icao_designator: str | None = strawberry.field(default=strawberry.UNSET, description=DESIGNATOR)
    type_certificate_holder: str | None = strawberry.field(
        default=strawberry.UNSET, description="Who holds the type certificate; at most 200 characters."
    )
    engine_count: int | None = strawberry.field(default=strawberry.UNSET, description="How many engines; 0 to 12.")


@strawberry.input(description="What to change of an aircraft type. What is absent stays; null clears what may be null.")
class UpdateAircraftTypeInput:
    id: strawberry.ID = strawberry.field(description="The aircraft type, `at_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    manufacturer: str | None = strawberry.field(default=strawberry.UNSET, description="Another manufacturer.")
    model: str | None = strawberry.field(default=strawberry.UNSET, description="Another model.")
    category: AircraftCategory | None = strawberry.field(default=strawberry.UNSET, description="Another category.")
    icao_designator: str | None = strawberry.field(default=strawberry.UNSET, description=DESIGNATOR)
    type_certificate_holder: str | None = strawberry.field(
        default=strawberry.UNSET, description="Another holder of the type certificate; null removes it."
    )
    engine_count: int | None = strawberry.field(
        default=strawberry.UNSET, description="Another number of engines, 0 to 12; null for unknown."
    )


@mutation(requires=Permission.FLEET_MANAGE, entity=("aircraftType", AircraftType))
async def create_aircraft_type(ctx: Ctx, input: CreateAircraftTypeInput) -> UUID:
    """Add an aircraft type to the organization."""
    return await aircraft_types.create(ctx, **given(input))


@mutation(requires=Permission.FLEET_MANAGE, entity=("aircraftType", AircraftType))
async def update_aircraft_type(ctx: Ctx, input: UpdateAircraftTypeInput) -> UUID:
    """Change an aircraft type. Its aircraft keep it."""
    changes = given(input, but=("id", "expected_version"), never_null=("category",))
    return await aircraft_types.update(
        ctx,
        ids.decode("at", input.id),
        expected_version=input.expected_version,
        changes=cast(aircraft_types.Changes, changes),
    )


TypeId = Annotated[strawberry.ID, strawberry.argument(description="The aircraft type, `at_…`.")]


@mutation(
    requires=Permission.FLEET_MANAGE,
    payload={"deletedId": (strawberry.ID | None, "The aircraft type that is gone; null when there are errors.")},
)
async def delete_aircraft_type(ctx: Ctx, id: TypeId, expected_version: Version) -> dict[str, Any]:
    """Delete an aircraft type that no aircraft is of; otherwise the error is IN_USE."""
    deleted = await aircraft_types.delete(ctx, ids.decode("at", id), expected_version=expected_version)
    return {"deletedId": ids.encode("at", deleted)}


QUERIES = [aircraft_type, aircraft_type_list]
MUTATIONS = [create_aircraft_type, update_aircraft_type, delete_aircraft_type]
SUBSCRIPTIONS = [changed(AircraftType)]

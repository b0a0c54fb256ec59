"""Components in the graph."""

from datetime import date
from typing import Annotated, Any
from typing import cast as typed
from uuid import UUID

import strawberry
from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import aliased

from db.fleet.aircraft import Aircraft as AircraftRow
from db.fleet.components import Component as ComponentRow
from db.fleet.components import Installation as InstallationRow
from domain.context import Ctx
from domain.fleet import components
from domain.permissions import Permission
from graph.compiler.projection import column, computed, projection, to_many, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.inputs import EXPECTED_VERSION, Version, VersionIfKnown, given
from graph.core.mutations import mutation
from graph.events.changed import changed


def since_new(component: Any, unit: str) -> Any:
    """SQL of a component's flight time or cycles since new: of its last installation, or as it was registered."""
    last, aircraft = aliased(InstallationRow), aliased(AircraftRow)
    flying = getattr(last, f"component_{unit}") + getattr(aircraft, f"total_{unit}") - getattr(last, f"aircraft_{unit}")
    life = (
        select(case((last.removed_on.is_(None), flying), else_=getattr(last, f"removed_component_{unit}")))
        .join(aircraft, and_(aircraft.org_id == last.org_id, aircraft.id == last.aircraft_id))
        .where(last.org_id == component.org_id, last.component_id == component.id)
        .order_by(last.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(life, getattr(component, f"opening_{unit}"))


@projection(
    ComponentRow,
    prefix="cmp",
    requires=Permission.FLEET_READ,
    default_order=("partNumber",),
    logged=True,
)
class Component:
    """A part with a life of its own, by part and serial number. While it is installed it flies what the aircraft
    flies; removed, it keeps what it has."""

    part_number = column("Its part number, in capital letters.", filter=True, order=True, search=True)
    serial_number = column(
        "Its serial number in capital letters; unique for the part number.", filter=True, order=True, search=True
    )
    description = column("What it is, as in `Main landing gear, left`.", search=True)
    manufacturer = column("Who made it; null when not stated.")
    manufactured_on = column("The day it was manufactured; null when not stated.", filter=True, order=True)
    minutes_since_new = computed("Flight time since new, in minutes.", int, lambda m, _: since_new(m, "minutes"))
    cycles_since_new = computed("Flight cycles since new.", int, lambda m, _: since_new(m, "cycles"))
    overhauled_on = column("The day of its last overhaul; null when it never was.", filter=True, order=True)
    minutes_since_overhaul = computed(
        "Flight time since its last overhaul, in minutes; null when it never was overhauled.",
        int,
        lambda m, _: since_new(m, "minutes") - m.overhaul_minutes,
        nullable=True,
    )
    cycles_since_overhaul = computed(
        "Flight cycles since its last overhaul; null when it never was overhauled.",
        int,
        lambda m, _: since_new(m, "cycles") - m.overhaul_cycles,
        nullable=True,
    )
    life_limit_minutes = column("Its life limit in flight time, in minutes since new; null when there is none.")
    life_limit_cycles = column("Its life limit in flight cycles since new; null when there is none.")
    life_limit_months = column("Its life limit in calendar months since manufacture; null when there is none.")
    installation = to_one(
        "Installation",
        "Where it is installed; null when it is on no aircraft.",
        on=lambda component, found, _: and_(
            found.org_id == component.org_id, found.component_id == component.id, found.removed_on.is_(None)
        ),
    )
    installations = to_many("Installation", "Where it was installed, the latest first.", via="component_id")
    accomplishments = to_many("Accomplishment", "What was done to it by programme tasks.", via="component_id")
    due_items = to_many("DueItem", "What is due on it: programme tasks and life limits.", via="component_id")
    releases = to_many("Release", "Its authorised release certificates; needs RELEASE_READ.", via="component_id")
    version = column("Counts changes of the record; pass it as `expectedVersion`. What it flies does not count as one.")
    created_at = column("When it was registered.", filter=True, order=True)
    updated_at = column("When the record was last changed.")


component = one("component", Component, "A component by id.")
component_list = many("components", Component, "The organization's components.")
component_aggregate = aggregate("componentAggregate", Component, "Counts of components, by part number or time.")

PART_NUMBER = "Its part number, at most 50 characters; stored in capital letters."
SERIAL_NUMBER = "Its serial number, at most 50 characters, unique for the part number; stored in capital letters."
LIMIT_MINUTES = "Its life limit in flight time, in minutes since new."
LIMIT_CYCLES = "Its life limit in flight cycles since new."
LIMIT_MONTHS = "Its life limit in calendar months since manufacture; needs `manufacturedOn`."


@strawberry.input(description="A component's last overhaul, when it comes into the register.")
class OverhaulInput:
    overhauled_on: date = strawberry.field(description="The day of the overhaul.")
    minutes_since_overhaul: int = strawberry.field(description="Flight time since then, in minutes.")
    cycles_since_overhaul: int = strawberry.field(description="Flight cycles since then.")


@strawberry.input(description="A component that comes into the register.")
class RegisterComponentInput:
    part_number: str = strawberry.field(description=PART_NUMBER)
    serial_number: str = strawberry.field(description=SERIAL_NUMBER)
    description: str = strawberry.field(description="What it is; at most 200 characters.")
    manufacturer: str | None = strawberry.field(default=strawberry.UNSET, description="Who made it.")
    manufactured_on: date | None = strawberry.field(
        default=strawberry.UNSET, description="The day it was manufactured; not in the future."
    )
    minutes_since_new: int | None = strawberry.field(
        default=strawberry.UNSET, description="Flight time since new so far, in minutes; 0 unless given."
    )
    cycles_since_new: int | None = strawberry.field(
        default=strawberry.UNSET, description="Flight cycles since new so far; 0 unless given."
    )
    overhaul: OverhaulInput | None = strawberry.field(default=strawberry.UNSET, description="Its last overhaul.")
    life_limit_minutes: int | None = strawberry.field(default=strawberry.UNSET, description=LIMIT_MINUTES)
    life_limit_cycles: int | None = strawberry.field(default=strawberry.UNSET, description=LIMIT_CYCLES)
    life_limit_months: int | None = strawberry.field(default=strawberry.UNSET, description=LIMIT_MONTHS)


@strawberry.input(description="What to change of a component. What is absent stays; null clears what may be null.")
class UpdateComponentInput:
    id: strawberry.ID = strawberry.field(description="The component, `cmp_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    part_number: str | None = strawberry.field(default=strawberry.UNSET, description=PART_NUMBER)
    serial_number: str | None = strawberry.field(default=strawberry.UNSET, description=SERIAL_NUMBER)
    description: str | None = strawberry.field(default=strawberry.UNSET, description="Another description.")
    manufacturer: str | None = strawberry.field(default=strawberry.UNSET, description="Who made it.")
    manufactured_on: date | None = strawberry.field(
        default=strawberry.UNSET, description="The day it was manufactured; not in the future."
    )
    minutes_since_new: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="What it had flown when it was registered, in minutes; fixed once it was installed.",
    )
    cycles_since_new: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="The flight cycles that it had when it was registered; fixed once it was installed.",
    )
    life_limit_minutes: int | None = strawberry.field(default=strawberry.UNSET, description=LIMIT_MINUTES)
    life_limit_cycles: int | None = strawberry.field(default=strawberry.UNSET, description=LIMIT_CYCLES)
    life_limit_months: int | None = strawberry.field(default=strawberry.UNSET, description=LIMIT_MONTHS)


LIFE = ("minutes_since_new", "cycles_since_new")


def _values(values: dict[str, Any]) -> dict[str, Any]:
    """With the columns' names for the life at registration."""
    for name, stored in zip(LIFE, ("opening_minutes", "opening_cycles"), strict=True):
        if name in values:
            values[stored] = values.pop(name)
    return values


@mutation(requires=Permission.COMPONENT_MANAGE, entity=("component", Component))
async def register_component(ctx: Ctx, input: RegisterComponentInput) -> UUID:
    """Enter a component with the life that it has so far."""
    last = input.overhaul
    overhaul = (
        components.Overhaul(last.overhauled_on, last.minutes_since_overhaul, last.cycles_since_overhaul)
        if last
        else None
    )
    values = _values(given(input, but=("overhaul",), never_null=LIFE))
    return await components.register(ctx, overhaul=overhaul, **values)


@mutation(requires=Permission.COMPONENT_MANAGE, entity=("component", Component))
async def update_component(ctx: Ctx, input: UpdateComponentInput) -> UUID:
    """Change a component's record. What it has flown follows from where it was installed."""
    values = _values(given(input, but=("id", "expected_version"), never_null=LIFE))
    return await components.update(
        ctx,
        ids.decode("cmp", input.id),
        expected_version=input.expected_version,
        changes=typed(components.Changes, values),
    )


ComponentId = Annotated[strawberry.ID, strawberry.argument(description="The component, `cmp_…`.")]
OverhauledOn = Annotated[
    date, strawberry.argument(description="The day of the overhaul: since it was last removed, not in the future.")
]


@mutation(requires=Permission.COMPONENT_MANAGE, entity=("component", Component))
async def overhaul_component(
    ctx: Ctx, id: ComponentId, overhauled_on: OverhauledOn, expected_version: VersionIfKnown = None
) -> UUID:
    """Record that a component was overhauled while it was on no aircraft: time and cycles since overhaul begin
    again."""
    return await components.overhaul(ctx, ids.decode("cmp", id), on=overhauled_on, expected_version=expected_version)


@mutation(
    requires=Permission.COMPONENT_MANAGE,
    payload={"deletedId": (strawberry.ID | None, "The component that is gone; null when there are errors.")},
)
async def delete_component(ctx: Ctx, id: ComponentId, expected_version: Version) -> dict[str, Any]:
    """Delete a component that was entered by mistake. One that was ever installed is kept: the error is IN_USE."""
    deleted = await components.delete(ctx, ids.decode("cmp", id), expected_version=expected_version)
    return {"deletedId": ids.encode("cmp", deleted)}


QUERIES = [component, component_list, component_aggregate]
MUTATIONS = [register_component, update_component, overhaul_component, delete_component]
SUBSCRIPTIONS = [changed(Component)]

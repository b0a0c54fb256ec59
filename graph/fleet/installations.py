"""Where components are and were installed, in the graph."""

from datetime import date
from uuid import UUID

import strawberry

from db.fleet.components import Installation as InstallationRow
from domain.context import Ctx
from domain.fleet import installations
from domain.permissions import Permission
from graph.compiler.projection import column, projection, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core.inputs import given
from graph.core.mutations import mutation
from graph.events.changed import changed


@projection(InstallationRow, prefix="ins", requires=Permission.FLEET_READ, default_order=("-installedOn",), logged=True)
class Installation:
    """A component's time on one aircraft. The readings follow when flights of before come late into the log, or are
    corrected."""

    component = to_one("Component", "What is installed.", via="component_id")
    component_id = column("The id of the component, for filters.", id_prefix="cmp", filter=True)
    aircraft = to_one("Aircraft", "What it is installed on.", via="aircraft_id")
    aircraft_id = column("The id of the aircraft, for filters.", id_prefix="ac", filter=True)
    position = column("Where on the aircraft, in capital letters, as in `ENGINE 1`.", filter=True, order=True)
    number = column("Counts the component's installations, from 1.")
    installed_on = column("The day it was installed.", filter=True, order=True)
    aircraft_minutes = column("The aircraft's flight time when it was installed, in minutes.")
    aircraft_cycles = column("The aircraft's flight cycles when it was installed.")
    component_minutes = column("The component's flight time since new when it was installed, in minutes.")
    component_cycles = column("The component's flight cycles since new when it was installed.")
    removed_on = column("The day it was removed; null while it is installed.", filter=True, order=True)
    removed_aircraft_minutes = column("The aircraft's flight time at removal, in minutes; null while installed.")
    removed_aircraft_cycles = column("The aircraft's flight cycles at removal; null while installed.")
    removed_component_minutes = column(
        "The component's flight time since new at removal, in minutes; null while installed."
    )
    removed_component_cycles = column("The component's flight cycles since new at removal; null while installed.")
    removal_reason = column("Why it was removed; null when not stated.")
    created_at = column("When the installation was recorded.", filter=True, order=True)


installation = one("installation", Installation, "An installation by id.")
installation_list = many("installations", Installation, "What is and was installed where.")
installation_aggregate = aggregate(
    "installationAggregate", Installation, "Counts of installations, by aircraft, component, position or time."
)

MINUTES = (
    "The aircraft's flight time at that moment, in minutes: between what its log had before that day and after it;"
    " that at the end of the day unless given."
)
CYCLES = "The aircraft's flight cycles at that moment, likewise."


@strawberry.input(description="A component that is put on an aircraft.")
class InstallComponentInput:
    component_id: strawberry.ID = strawberry.field(description="The component, `cmp_…`; on no aircraft.")
    aircraft_id: strawberry.ID = strawberry.field(description="The aircraft, `ac_…`; not a retired one.")
    position: str = strawberry.field(
        description="Where, at most 50 characters, stored in capital letters; one component at a time is there."
    )
    installed_on: date | None = strawberry.field(
        default=strawberry.UNSET,
        description="The day; today in the organization's time zone unless given, and not before its last removal.",
    )
    aircraft_minutes: int | None = strawberry.field(default=strawberry.UNSET, description=MINUTES)
    aircraft_cycles: int | None = strawberry.field(default=strawberry.UNSET, description=CYCLES)


@strawberry.input(description="A component that is taken off its aircraft.")
class RemoveComponentInput:
    component_id: strawberry.ID = strawberry.field(description="The component, `cmp_…`.")
    removed_on: date | None = strawberry.field(
        default=strawberry.UNSET,
        description="The day; today in the organization's time zone unless given, and not before its installation.",
    )
    aircraft_minutes: int | None = strawberry.field(default=strawberry.UNSET, description=MINUTES)
    aircraft_cycles: int | None = strawberry.field(default=strawberry.UNSET, description=CYCLES)
    reason: str | None = strawberry.field(
        default=strawberry.UNSET, description="Why it was removed; at most 1,000 characters."
    )


@mutation(requires=Permission.COMPONENT_MANAGE, entity=("installation", Installation))
async def install_component(ctx: Ctx, input: InstallComponentInput) -> UUID:
    """Put a component on an aircraft. From then on it flies what the aircraft flies."""
    return await installations.install(ctx, **given(input, prefixes={"component_id": "cmp", "aircraft_id": "ac"}))


@mutation(requires=Permission.COMPONENT_MANAGE, entity=("installation", Installation))
async def remove_component(ctx: Ctx, input: RemoveComponentInput) -> UUID:
    """Take a component off its aircraft. It keeps the life that it has by then, also on the next aircraft."""
    return await installations.remove(ctx, **given(input, prefixes={"component_id": "cmp"}))


QUERIES = [installation, installation_list, installation_aggregate]
MUTATIONS = [install_component, remove_component]
SUBSCRIPTIONS = [changed(Installation)]

"""Recent experience in the graph."""

from datetime import date
from typing import Any
from uuid import UUID

import strawberry

from db.workforce.experience import ExperienceEntry as ExperienceEntryRow
from domain.context import Ctx
from domain.permissions import Permission
from domain.workforce import experience
from graph.compiler.projection import column, projection, to_one
from graph.compiler.roots import aggregate, many
from graph.core import ids
from graph.core.inputs import EXPECTED_VERSION
from graph.core.mutations import mutation
from graph.events.changed import changed
from graph.identity.organizations import Organization


@projection(
    ExperienceEntryRow, prefix="exp", requires=Permission.WORKFORCE_READ, default_order=("-workedOn",), logged=True
)
class ExperienceEntry:
    """A day on which somebody did maintenance, on one type of aircraft or on components. Signing for work adds it by
    itself. Entries are never changed or deleted."""

    user = to_one("User", "Who; null when they have left the organization.", via="user_id", nullable=True)
    user_id = column("The id of who it is, for filters.", id_prefix="usr", filter=True)
    worked_on = column("The day.", filter=True, order=True)
    aircraft_type = to_one("AircraftType", "The type of aircraft; null for work on components.", via="aircraft_type_id")
    aircraft_type_id = column("The id of the type, for filters.", id_prefix="at", filter=True)
    source = column("Where this is known from, as the card that was signed, or a former employer's log.")
    recorder = to_one(
        "User", "Who recorded it; null when they are no member of the organization.", via="recorder_id", nullable=True
    )
    created_at = column("When it was recorded.", filter=True, order=True)


experience_entries = many("experienceEntries", ExperienceEntry, "Who did maintenance when, the latest day first.")
experience_aggregate = aggregate(
    "experienceAggregate", ExperienceEntry, "Counts of days of maintenance, by person, type or time."
)


@strawberry.input(description="Days of maintenance work that the platform has no signature of.")
class RecordExperienceInput:
    user_id: strawberry.ID = strawberry.field(description="Who: a member of the organization, `usr_…`.")
    days: list[date] = strawberry.field(
        description="The days, 1 to 1,000, none in the future; one that is in the log already is left as it is."
    )
    aircraft_type_id: strawberry.ID | None = strawberry.field(
        default=None, description="The type of aircraft, `at_…`; null for work on components."
    )
    source: str = strawberry.field(description="Where this is known from; 1 to 200 characters.")


@mutation(
    requires=Permission.WORKFORCE_MANAGE,
    payload={"added": (int | None, "How many days are new in the log; null when there are errors.")},
)
async def record_experience(ctx: Ctx, input: RecordExperienceInput) -> dict[str, Any]:
    """Add days of work to somebody's experience, as from a former employer's log. They cannot be taken back."""
    kind = input.aircraft_type_id
    added = await experience.state(
        ctx,
        user_id=ids.decode("usr", input.user_id),
        days=input.days,
        aircraft_type_id=None if kind is None else ids.decode("at", kind),
        source=input.source,
    )
    return {"added": added}


@strawberry.input(description="What recent experience the organization demands of certifying staff.")
class SetExperiencePolicyInput:
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    months: int = strawberry.field(description="In how many months there must be work; 6 by 145.A.35(c).")
    window_months: int = strawberry.field(
        description="Of how many months before the day, `months` to 120; 24 by 145.A.35(c)."
    )


@mutation(requires=Permission.ORGANIZATION_MANAGE, entity=("organization", Organization))
async def set_experience_policy(ctx: Ctx, input: SetExperiencePolicyInput) -> UUID:
    """Decide what recent experience the authorisations of certifying staff stand on. It holds at once for all."""
    return await experience.set_policy(
        ctx, months=input.months, window_months=input.window_months, expected_version=input.expected_version
    )


QUERIES = [experience_entries, experience_aggregate]
MUTATIONS = [record_experience, set_experience_policy]
SUBSCRIPTIONS = [changed(ExperienceEntry)]

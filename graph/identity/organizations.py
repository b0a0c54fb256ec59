"""Organizations in the graph."""

from datetime import time
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import func, select

from db.identity.memberships import Membership as MembershipRow
from db.identity.organizations import Module, OrganizationKind, OrganizationPlan
from db.identity.organizations import Organization as OrganizationRow
from domain.context import Ctx
from domain.errors import ErrorCode, refuse
from domain.identity import organizations
from domain.permissions import Permission
from graph.compiler.projection import column, computed, projection
from graph.compiler.roots import many, one_self
from graph.core.mutations import mutation
from graph.events.changed import changed
from graph.identity.inputs import EXPECTED_VERSION, given


@projection(OrganizationRow, prefix="org", default_order=("name",), logged=True)
class Organization:
    """A tenant: a business that uses the platform. You see the one you work in and those you may switch to."""

    name = column("What the organization is called.", filter=True, order=True)
    slug = column("Its short name in addresses and at sign-in; unique.", filter=True, order=True)
    kind = column("What kind of business it is.", enum=OrganizationKind, filter=True, order=True)
    modules = computed(
        "The parts of the platform it has switched on.",
        list[Module],
        lambda m, _: m.modules,
        requires=Permission.ORGANIZATION_READ,
    )
    time_zone = column("Its IANA time zone.", requires=Permission.ORGANIZATION_READ)
    working_day_start = computed(
        "When the working day starts, as HH:MM in its time zone.",
        str,
        lambda m, _: func.to_char(m.working_day_start, "HH24:MI"),
        requires=Permission.ORGANIZATION_READ,
    )
    working_day_end = computed(
        "When the working day ends, as HH:MM in its time zone.",
        str,
        lambda m, _: func.to_char(m.working_day_end, "HH24:MI"),
        requires=Permission.ORGANIZATION_READ,
    )
    max_sessions = column("How many sessions a person may have at once.", requires=Permission.ORGANIZATION_READ)
    event_retention_months = column(
        "How many whole months it keeps its events, beside the one that has begun; null is for ever.",
        requires=Permission.ORGANIZATION_READ,
    )
    utilisation_window_days = column(
        "Over how many of the last days the average daily utilisation is taken that forecasts of what is due go by.",
        requires=Permission.ORGANIZATION_READ,
    )
    due_soon_days = column(
        "How many days before its forecast day something is DUE_SOON.", requires=Permission.ORGANIZATION_READ
    )
    experience_months = column(
        "In how many months of `experienceWindowMonths` certifying staff must have worked (145.A.35(c)).",
        requires=Permission.ORGANIZATION_READ,
    )
    experience_window_months = column(
        "Over how many months recent experience is counted.", requires=Permission.ORGANIZATION_READ
    )
    finding_days = column(
        "How many days a level 2 finding of an audit gets, and an extension of it gives at most.",
        requires=Permission.ORGANIZATION_READ,
    )
    # The operator of the platform sets it, by SQL and without an event.
    plan = column(
        "How much its people may ask for.",
        enum=OrganizationPlan,
        requires=Permission.ORGANIZATION_READ,
        logged=False,
    )
    is_platform = column("Whether it anchors superusers and holds no customer data.")
    version = column("Counts changes; pass it as `expectedVersion`.", logged=False)
    created_at = column("When it was made.", order=True)
    updated_at = column("When it was last changed.", logged=False)


organization = one_self(
    "organization",
    Organization,
    "The organization you work in.",
    lambda m, actor: m.id == actor.org_id,
)
organization_list = many(
    "organizations",
    Organization,
    "The organizations you belong to and may switch to.",
    where=lambda m, actor: m.id.in_(
        select(MembershipRow.org_id).where(MembershipRow.user_id == actor.user_id).union(select(actor.org_id))
    ),
    self_scoped=True,
    logged=False,  # others have logs of their own
)


@strawberry.input(description="Settings of the organization to change; what is absent stays.")
class UpdateOrganizationInput:
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    name: str | None = strawberry.field(default=strawberry.UNSET, description="Another name.")
    slug: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Another slug: 3 to 50 lower-case letters, digits and hyphens. Sign-ins by the old one fail.",
    )
    modules: list[Module] | None = strawberry.field(
        default=strawberry.UNSET, description="The modules to have from now on."
    )
    time_zone: str | None = strawberry.field(default=strawberry.UNSET, description="Another IANA time zone.")
    working_day_start: str | None = strawberry.field(
        default=strawberry.UNSET, description="When the working day starts, as HH:MM."
    )
    working_day_end: str | None = strawberry.field(
        default=strawberry.UNSET, description="When the working day ends, as HH:MM."
    )
    max_sessions: int | None = strawberry.field(
        default=strawberry.UNSET, description="How many sessions a person may have at once, 1 to 20."
    )
    utilisation_window_days: int | None = strawberry.field(
        default=strawberry.UNSET, description="Over how many days the average utilisation is taken, 7 to 730."
    )
    due_soon_days: int | None = strawberry.field(
        default=strawberry.UNSET, description="How many days ahead something is due soon, 0 to 365."
    )
    finding_days: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="How many days a level 2 finding gets, 1 to 365; for findings that are raised from now on.",
    )


@mutation(requires=Permission.ORGANIZATION_MANAGE, entity=("organization", Organization))
async def update_organization(ctx: Ctx, input: UpdateOrganizationInput) -> UUID:
    """Change the settings of the organization you work in."""
    values: dict[str, Any] = given(input)
    for name, path in (("working_day_start", "workingDayStart"), ("working_day_end", "workingDayEnd")):
        if name in values:
            values[name] = _time(values[name], path)
    return await organizations.update(ctx, **values)


def _time(text: str, field: str) -> time:
    try:
        if len(text) != len("HH:MM"):
            raise ValueError
        return time.fromisoformat(text)
    except ValueError:
        raise refuse(ErrorCode.INVALID, "Write a time of day as HH:MM, like 09:00.", "input", field) from None


QUERIES = [organization, organization_list]
MUTATIONS = [update_organization]
SUBSCRIPTIONS = [changed(Organization, requires=Permission.ORGANIZATION_READ)]

"""How long an organization keeps its events; `domain.events.archiving` does what follows from it."""

from uuid import UUID

from db.identity.organizations import Organization
from domain.context import Ctx
from domain.entities import access, change
from domain.errors import ErrorCode, UserErrors, refuse
from domain.events.rules.retention import months_problem
from domain.permissions import Permission


async def set_months(ctx: Ctx, months: int | None, expected_version: int) -> UUID:
    """Keep events for so many whole months, None: for ever. What is older is archived at the next upkeep."""
    ctx.check(Permission.EVENT_MANAGE)
    organization = await access(ctx, Organization, ctx.actor.org_id, "organization", expected_version)
    if organization.is_platform:
        raise refuse(ErrorCode.NOT_ALLOWED, "Platform organizations are not changed here.", "input")
    if problem := months_problem(months):
        raise UserErrors(problem)
    before, after = change(organization, event_retention_months=months)
    if after:
        ctx.record("organization.event_retention_changed", "org", organization.id, before=before, after=after)
    return organization.id

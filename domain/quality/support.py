"""What the commands of compliance monitoring share."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import func, select

from db.identity.departments import Department, DepartmentMembership
from db.identity.memberships import Membership, MembershipState
from db.identity.organizations import Organization
from domain.context import Ctx
from domain.errors import ErrorCode
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import find


async def finding_days(ctx: Ctx) -> int:
    """How many days a level 2 finding gets, in this organization."""
    query = select(Organization.finding_days).where(Organization.id == ctx.actor.org_id)
    return (await ctx.session.scalars(query)).one()


async def check_member(ctx: Ctx, refusals: Refusals, user_id: UUID, *path: str) -> None:
    """Refuses somebody who is no active member."""
    member = select(Membership.id).where(
        Membership.org_id == ctx.actor.org_id,
        Membership.user_id == user_id,
        Membership.state == MembershipState.ACTIVE,
    )
    if await ctx.session.scalar(member) is None:
        refusals.add(ErrorCode.NOT_FOUND, "This person is no member of the organization.", *path)


async def check_department(ctx: Ctx, refusals: Refusals, department_id: UUID | None, *path: str) -> None:
    if department_id is not None and await find(ctx, Department, department_id) is None:
        refusals.add(ErrorCode.NOT_FOUND, "There is no such department in the organization.", *path)


async def role_in(ctx: Ctx, department_id: UUID | None, user_id: UUID | None) -> str | None:
    """What somebody is in a department; None when they are not in it."""
    found: str | None = await ctx.session.scalar(
        select(DepartmentMembership.role).where(
            DepartmentMembership.org_id == ctx.actor.org_id,
            DepartmentMembership.department_id == department_id,
            DepartmentMembership.user_id == user_id,
        )
    )
    return found


async def one_at_a_time(ctx: Ctx, what: str) -> None:
    """Waits until nobody else in the organization is at it: numbers are then dense, in the order of commits."""
    key = func.hashtextextended(f"{what}:{ctx.actor.org_id}", 0)
    await ctx.session.execute(select(func.pg_advisory_xact_lock(key)))


def refuse_all(refusals: Refusals, sentences: Iterable[str | None], *path: str) -> None:
    """Each sentence is a refusal of its own."""
    for sentence in sentences:
        if sentence is not None:
            refusals.add(ErrorCode.NOT_ALLOWED, sentence, *path)

"""Members of an organization and their roles."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import any_, delete, func, select
from uuid_utils.compat import uuid7

from db.identity.departments import DepartmentMembership
from db.identity.memberships import Membership, MembershipState
from db.identity.organizations import Organization
from db.identity.roles import Role
from domain.context import Ctx
from domain.entities import access, change
from domain.errors import ErrorCode, ForbiddenError, UserErrors, refuse
from domain.identity import mails, organizations
from domain.identity.mails import Template
from domain.identity.revocation import Scope, announce
from domain.identity.rules import emails
from domain.identity.rules.roles import BUILT_IN, OWNER, beyond, permissions_of
from domain.permissions import Permission


async def add(ctx: Ctx, *, email: str, name: str, roles: Iterable[str], send_mail: bool = True) -> UUID:
    """Make a person a member, or again a member; who has no account yet gets one and a mail to set a password.

    The answer does not tell whether the account existed.
    """
    ctx.check(Permission.MEMBER_MANAGE)
    email = emails.normalize(email, "input", "email")
    if problem := organizations.name_problem(name):
        raise UserErrors(problem)
    keys = await _check_roles(ctx, roles)
    await _check_may_grant(ctx, keys)
    if await ctx.session.scalar(select(Organization.is_platform).where(Organization.id == ctx.actor.org_id)):
        raise refuse(ErrorCode.NOT_ALLOWED, "Platform organizations hold superusers only.", "input")
    person: UUID = (await ctx.session.execute(select(func.identity_person(uuid7(), email, name.strip())))).scalar_one()
    membership = await ctx.session.scalar(
        select(Membership).where(Membership.org_id == ctx.actor.org_id, Membership.user_id == person).with_for_update()
    )
    if membership is None:
        membership = Membership(org_id=ctx.actor.org_id, id=uuid7(), user_id=person)
        ctx.session.add(membership)
    elif membership.state == MembershipState.ACTIVE:
        raise refuse(ErrorCode.TAKEN, "This person is a member already.", "input", "email")
    membership.roles, membership.state, membership.removed_at = keys, MembershipState.ACTIVE, None
    await ctx.session.flush()
    ctx.record("membership.added", "mem", membership.id, after={"user_id": str(person), "roles": keys})
    if send_mail:
        mails.ask(ctx.session, Template.WELCOME, email, ctx.now, org_id=ctx.actor.org_id)
    await announce(ctx.session, Scope.USER, person)
    return membership.id


async def change_roles(ctx: Ctx, id: UUID, *, roles: Iterable[str], expected_version: int) -> UUID:
    """Give a member other roles. Nobody hands out, or takes away, permissions they lack."""
    ctx.check(Permission.MEMBER_MANAGE)
    membership = await access_active(ctx, id, expected_version)
    keys = await _check_roles(ctx, roles)
    await _check_may_grant(ctx, set(keys) ^ set(membership.roles))
    if OWNER in membership.roles and OWNER not in keys:
        await _check_other_owner(ctx, membership)
    before, after = change(membership, roles=keys)
    if after:
        ctx.record("membership.roles_changed", "mem", id, before=before, after=after)
        await announce(ctx.session, Scope.USER, membership.user_id)
    return id


async def remove(ctx: Ctx, id: UUID, *, expected_version: int) -> UUID:
    """End a membership. The row stays, so that history still names the person."""
    ctx.check(Permission.MEMBER_MANAGE)
    membership = await access_active(ctx, id, expected_version)
    await _check_may_grant(ctx, membership.roles)
    if OWNER in membership.roles:
        await _check_other_owner(ctx, membership)
    await ctx.session.execute(
        delete(DepartmentMembership).where(
            DepartmentMembership.org_id == ctx.actor.org_id, DepartmentMembership.user_id == membership.user_id
        )
    )
    before, after = change(membership, state=MembershipState.REMOVED, removed_at=ctx.now)
    ctx.record("membership.removed", "mem", id, before=before, after=after)
    await announce(ctx.session, Scope.USER, membership.user_id)
    return id


async def access_active(ctx: Ctx, id: UUID, expected_version: int | None = None) -> Membership:
    """A membership that has not ended, locked."""
    membership = await access(ctx, Membership, id, "member", expected_version)
    if membership.state != MembershipState.ACTIVE:
        raise refuse(ErrorCode.NOT_ALLOWED, "This person is no longer a member.", "id")
    return membership


async def custom_permissions(ctx: Ctx) -> dict[str, list[str]]:
    """The organization's own roles: key to permissions."""
    rows = await ctx.session.execute(select(Role.key, Role.permissions).where(Role.org_id == ctx.actor.org_id))
    return {row.key: list(row.permissions) for row in rows}


async def _check_roles(ctx: Ctx, roles: Iterable[str]) -> list[str]:
    """The keys without repetitions, in order; UserErrors for none and for unknown ones."""
    keys = sorted(set(roles))
    if not keys:
        raise refuse(ErrorCode.REQUIRED, "Give at least one role.", "input", "roles")
    own = await custom_permissions(ctx)
    if unknown := [key for key in keys if key not in BUILT_IN and key not in own]:
        names = ", ".join(key[:60] for key in unknown[:10])
        raise refuse(ErrorCode.NOT_FOUND, f"There is no role with the key {names}.", "input", "roles")
    return keys


async def _check_may_grant(ctx: Ctx, keys: Iterable[str]) -> None:
    keys = set(keys)
    if OWNER in keys and not await _is_owner(ctx):
        raise refuse(ErrorCode.NOT_ALLOWED, "Only an owner makes and unmakes owners.", "input", "roles")
    check_holds(ctx, permissions_of(keys, await custom_permissions(ctx)), "roles")


def check_holds(ctx: Ctx, permissions: Iterable[str], field: str) -> None:
    """Raises UserErrors unless the actor holds all the permissions they hand out or take away."""
    if missing := beyond(permissions, ctx.actor.permissions):
        text = f"You cannot give or take permissions you lack: {', '.join(missing)}."
        raise refuse(ErrorCode.NOT_ALLOWED, text, "input", field)


async def _is_owner(ctx: Ctx) -> bool:
    if ctx.actor.is_superuser or ctx.actor.user_id is None:
        return True
    own = await ctx.session.scalar(
        select(Membership.roles).where(
            Membership.org_id == ctx.actor.org_id,
            Membership.user_id == ctx.actor.user_id,
            Membership.state == MembershipState.ACTIVE,
        )
    )
    return OWNER in (own or ())


async def _check_other_owner(ctx: Ctx, membership: Membership) -> None:
    """Locks the organization first: of two owners who unmake each other at once, one is refused."""
    if ctx.actor.org_id != membership.org_id:
        raise ForbiddenError("This is another organization's member.")
    await ctx.session.execute(select(Organization.id).where(Organization.id == ctx.actor.org_id).with_for_update())
    others = await ctx.session.scalar(
        select(func.count())
        .select_from(Membership)
        .where(
            Membership.org_id == ctx.actor.org_id,
            Membership.state == MembershipState.ACTIVE,
            any_(Membership.roles) == OWNER,
            Membership.id != membership.id,
        )
    )
    if not others:
        raise refuse(ErrorCode.NOT_ALLOWED, "An organization keeps at least one owner; make another first.", "id")

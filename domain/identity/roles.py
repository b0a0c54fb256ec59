"""An organization's own roles."""

import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import any_, func, select
from uuid_utils.compat import uuid7

from db.identity.memberships import Membership, MembershipState
from db.identity.roles import Role
from domain.context import Ctx
from domain.entities import access, change, unique
from domain.errors import ErrorCode, UserErrors, refuse
from domain.identity import organizations
from domain.identity.memberships import check_holds
from domain.identity.revocation import Scope, announce
from domain.identity.rules.roles import BUILT_IN
from domain.permissions import Permission

MAX_DESCRIPTION = 1_000
KEY = re.compile(r"[A-Z][A-Z0-9_]{1,49}")


async def create(
    ctx: Ctx, *, name: str, permissions: Iterable[str], key: str | None = None, description: str = ""
) -> UUID:
    """A role of the organization; without `key` it gets one from its name. Grants only what the actor holds."""
    ctx.check(Permission.ROLE_MANAGE)
    name = name.strip()
    _check_texts(name, description)
    wanted = check_permissions(permissions)
    check_holds(ctx, wanted, "permissions")
    key = key or re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")[:50]
    if not KEY.fullmatch(key):
        text = "Use a key of 2 to 50 capital letters, digits and underscores that begins with a letter."
        raise refuse(ErrorCode.INVALID, text, "input", "key")
    if key in BUILT_IN:
        raise refuse(ErrorCode.TAKEN, f"{key} is a built-in role; choose another key.", "input", "key")
    role = Role(org_id=ctx.actor.org_id, id=uuid7(), key=key, name=name, description=description, permissions=wanted)
    async with _unique(ctx):
        ctx.session.add(role)
    ctx.record("role.created", "rol", role.id, after={"key": key, "name": name, "permissions": wanted})
    return role.id


async def update(ctx: Ctx, id: UUID, *, expected_version: int, **values: Any) -> UUID:
    """Change name, description or permissions; the key stays, because memberships hold it."""
    ctx.check(Permission.ROLE_MANAGE)
    role = await access(ctx, Role, id, "role", expected_version)
    if "name" in values:
        values["name"] = values["name"].strip()
    _check_texts(values.get("name", role.name), values.get("description", role.description))
    if "permissions" in values:
        values["permissions"] = check_permissions(values["permissions"])
        check_holds(ctx, set(values["permissions"]) ^ set(role.permissions), "permissions")
    async with _unique(ctx):
        before, after = change(role, **values)
    if after:
        ctx.record("role.updated", "rol", id, before=before, after=after)
        await announce(ctx.session, Scope.ORGANIZATION, ctx.actor.org_id)
    return id


async def delete(ctx: Ctx, id: UUID, *, expected_version: int) -> UUID:
    """Delete a role that no member has."""
    ctx.check(Permission.ROLE_MANAGE)
    role = await access(ctx, Role, id, "role", expected_version)
    check_holds(ctx, role.permissions, "id")
    holders = await ctx.session.scalar(
        select(func.count())
        .select_from(Membership)
        .where(
            Membership.org_id == ctx.actor.org_id,
            Membership.state == MembershipState.ACTIVE,
            any_(Membership.roles) == role.key,
        )
    )
    if holders:
        text = f"{holders} {'member has' if holders == 1 else 'members have'} this role; give them another first."
        raise refuse(ErrorCode.IN_USE, text, "id")
    await ctx.session.delete(role)
    ctx.record("role.deleted", "rol", id, before={"key": role.key, "name": role.name})
    return id


def check_permissions(permissions: Iterable[str]) -> list[str]:
    """Known permissions in the enum's order, each once; UserErrors for unknown ones and for none."""
    wanted = {str(permission) for permission in permissions}
    if unknown := sorted(wanted - {str(permission) for permission in Permission}):
        text = f"There is no permission {', '.join(name[:60] for name in unknown[:10])}."
        raise refuse(ErrorCode.INVALID, text, "input", "permissions")
    if not wanted:
        raise refuse(ErrorCode.REQUIRED, "Give at least one permission.", "input", "permissions")
    return [str(permission) for permission in Permission if permission in wanted]


def _check_texts(name: str, description: str) -> None:
    if problem := organizations.name_problem(name):
        raise UserErrors(problem)
    if len(description) > MAX_DESCRIPTION:
        text = f"Use at most {MAX_DESCRIPTION} characters."
        raise refuse(ErrorCode.TOO_LONG, text, "input", "description")


def _unique(ctx: Ctx) -> Any:
    return unique(
        ctx,
        uq_roles_org_id_key=refuse(ErrorCode.TAKEN, "Another role has this key.", "input", "key"),
        uq_roles_org_id_name=refuse(ErrorCode.TAKEN, "Another role has this name.", "input", "name"),
    )

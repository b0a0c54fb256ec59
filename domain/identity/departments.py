"""Departments and who is in them."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from uuid_utils.compat import uuid7

from db.identity.departments import Department, DepartmentMembership, DepartmentRole
from db.identity.memberships import Membership, MembershipState
from domain.context import Ctx
from domain.entities import access, change, unique, unreferenced
from domain.errors import ErrorCode, NotFoundError, UserErrors, refuse
from domain.identity import organizations
from domain.permissions import Permission

MAX_DESCRIPTION = 1_000


async def create(ctx: Ctx, *, name: str, description: str = "") -> UUID:
    """A department; its name is unique in the organization, whatever its case."""
    ctx.check(Permission.DEPARTMENT_MANAGE)
    name = name.strip()
    _check_texts(name, description)
    department = Department(org_id=ctx.actor.org_id, id=uuid7(), name=name, description=description)
    async with unique(ctx, uq_departments_org_id_name=_taken()):
        ctx.session.add(department)
    ctx.record("department.created", "dep", department.id, after={"name": name, "description": description})
    return department.id


async def update(ctx: Ctx, id: UUID, *, expected_version: int, **values: Any) -> UUID:
    """Change name or description."""
    ctx.check(Permission.DEPARTMENT_MANAGE)
    department = await access(ctx, Department, id, "department", expected_version)
    if "name" in values:
        values["name"] = values["name"].strip()
    _check_texts(values.get("name", department.name), values.get("description", department.description))
    async with unique(ctx, uq_departments_org_id_name=_taken()):
        before, after = change(department, **values)
    if after:
        ctx.record("department.updated", "dep", id, before=before, after=after)
    return id


async def delete(ctx: Ctx, id: UUID, *, expected_version: int) -> UUID:
    """Delete a department; its people stay members of the organization. One that records name is kept."""
    ctx.check(Permission.DEPARTMENT_MANAGE)
    department = await access(ctx, Department, id, "department", expected_version)
    in_use = "Records that are kept name this department, as an audit or a finding; give it another name instead."
    async with unreferenced(ctx, refuse(ErrorCode.IN_USE, in_use, "id")):
        await ctx.session.delete(department)
    ctx.record("department.deleted", "dep", id, before={"name": department.name})
    return id


async def set_member(ctx: Ctx, id: UUID, *, user_id: UUID, role: DepartmentRole) -> UUID:
    """Put a member of the organization into a department, or give them another role there."""
    ctx.check(Permission.DEPARTMENT_MANAGE)
    await access(ctx, Department, id, "department")
    member = select(Membership.id).where(
        Membership.org_id == ctx.actor.org_id,
        Membership.user_id == user_id,
        Membership.state == MembershipState.ACTIVE,
    )
    if await ctx.session.scalar(member) is None:
        raise refuse(ErrorCode.NOT_FOUND, "This person is no member of the organization.", "input", "userId")
    place = await _place(ctx, id, user_id)
    before: dict[str, Any] | None = None
    if place is None:
        place = DepartmentMembership(org_id=ctx.actor.org_id, id=uuid7(), department_id=id, user_id=user_id, role=role)
        ctx.session.add(place)
    elif place.role == role:
        return id
    else:
        before = {"role": place.role}
        place.role = role
    await ctx.session.flush()
    ctx.record("department.member_set", "dep", id, before=before, after={"user_id": str(user_id), "role": role})
    return id


async def remove_member(ctx: Ctx, id: UUID, *, user_id: UUID) -> UUID:
    """Take somebody out of a department. NotFoundError when they are not in it."""
    ctx.check(Permission.DEPARTMENT_MANAGE)
    await access(ctx, Department, id, "department")
    place = await _place(ctx, id, user_id)
    if place is None:
        raise NotFoundError("This person is not in the department.")
    await ctx.session.delete(place)
    before = {"user_id": str(user_id), "role": place.role}
    ctx.record("department.member_removed", "dep", id, before=before)
    return id


async def _place(ctx: Ctx, id: UUID, user_id: UUID) -> DepartmentMembership | None:
    """The department is locked before, so nobody adds the same person meanwhile."""
    found: DepartmentMembership | None = await ctx.session.scalar(
        select(DepartmentMembership).where(
            DepartmentMembership.org_id == ctx.actor.org_id,
            DepartmentMembership.department_id == id,
            DepartmentMembership.user_id == user_id,
        )
    )
    return found


def _check_texts(name: str, description: str) -> None:
    if problem := organizations.name_problem(name):
        raise UserErrors(problem)
    if len(description) > MAX_DESCRIPTION:
        text = f"Use at most {MAX_DESCRIPTION} characters."
        raise refuse(ErrorCode.TOO_LONG, text, "input", "description")


def _taken() -> UserErrors:
    return refuse(ErrorCode.TAKEN, "Another department has this name.", "input", "name")

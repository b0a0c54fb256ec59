"""Departments in the graph."""

from typing import Annotated, Any
from uuid import UUID

import strawberry

from db.identity.departments import Department as DepartmentRow
from db.identity.departments import DepartmentMembership as DepartmentMembershipRow
from db.identity.departments import DepartmentRole
from domain.context import Ctx
from domain.identity import departments
from domain.permissions import Permission
from graph.compiler.projection import column, projection, to_many, to_one
from graph.compiler.roots import many, one
from graph.core import ids
from graph.core.mutations import mutation
from graph.events.changed import changed
from graph.identity.inputs import EXPECTED_VERSION, given


@projection(DepartmentRow, prefix="dep", requires=Permission.DEPARTMENT_READ, default_order=("name",), logged=True)
class Department:
    """A part of the organization, like line maintenance or stores."""

    name = column("What it is called; unique in the organization.", filter=True, order=True)
    description = column("What it does.")
    members = to_many("DepartmentMembership", "Who is in it.", via="department_id")
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was made.", order=True)
    updated_at = column("When it was last changed.", order=True)


@projection(
    DepartmentMembershipRow,
    prefix="dpm",
    requires=Permission.DEPARTMENT_READ,
    default_order=("createdAt",),
    logged=True,
)
class DepartmentMembership:
    """A person's place in a department."""

    user = to_one("User", "The person.", via="user_id", nullable=True)
    department = to_one("Department", "The department.", via="department_id", nullable=True)
    role = column("What the person is there.", enum=DepartmentRole, filter=True, order=True)
    created_at = column("Since when.", order=True)


department = one("department", Department, "A department by id.")
department_list = many("departments", Department, "The departments of the organization.")


@strawberry.input(description="A new department.")
class CreateDepartmentInput:
    name: str = strawberry.field(description="What it is called; unique in the organization, whatever the case.")
    description: str | None = strawberry.field(default=strawberry.UNSET, description="What it does.")


@strawberry.input(description="What to change of a department; what is absent stays.")
class UpdateDepartmentInput:
    id: strawberry.ID = strawberry.field(description="The department, `dep_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    name: str | None = strawberry.field(default=strawberry.UNSET, description="Another name.")
    description: str | None = strawberry.field(default=strawberry.UNSET, description="Another description.")


@strawberry.input(description="Who is what in a department.")
class SetDepartmentMemberInput:
    id: strawberry.ID = strawberry.field(description="The department, `dep_…`.")
    user_id: strawberry.ID = strawberry.field(description="A member of the organization, `usr_…`.")
    role: DepartmentRole = strawberry.field(
        default=DepartmentRole.MEMBER, description="What the person is there from now on."
    )


@mutation(requires=Permission.DEPARTMENT_MANAGE, entity=("department", Department))
async def create_department(ctx: Ctx, input: CreateDepartmentInput) -> UUID:
    """Create a department."""
    return await departments.create(ctx, **given(input))


@mutation(requires=Permission.DEPARTMENT_MANAGE, entity=("department", Department))
async def update_department(ctx: Ctx, input: UpdateDepartmentInput) -> UUID:
    """Change a department's name or description."""
    values = given(input)
    return await departments.update(ctx, ids.decode("dep", values.pop("id")), **values)


DepartmentId = Annotated[strawberry.ID, strawberry.argument(description="The department, `dep_…`.")]
UserId = Annotated[strawberry.ID, strawberry.argument(description="The person, `usr_…`.")]
Version = Annotated[int, strawberry.argument(description=EXPECTED_VERSION)]


@mutation(
    requires=Permission.DEPARTMENT_MANAGE,
    payload={"deletedId": (strawberry.ID | None, "The department that is gone.")},
)
async def delete_department(ctx: Ctx, id: DepartmentId, expected_version: Version) -> dict[str, Any]:
    """Delete a department with what was said in its feed; its people stay members of the organization."""
    deleted = await departments.delete(ctx, ids.decode("dep", id), expected_version=expected_version)
    return {"deletedId": ids.encode("dep", deleted)}


@mutation(requires=Permission.DEPARTMENT_MANAGE, entity=("department", Department))
async def set_department_member(ctx: Ctx, input: SetDepartmentMemberInput) -> UUID:
    """Put somebody into a department, or give them another role there."""
    return await departments.set_member(
        ctx, ids.decode("dep", input.id), user_id=ids.decode("usr", input.user_id), role=input.role
    )


@mutation(requires=Permission.DEPARTMENT_MANAGE, entity=("department", Department))
async def remove_department_member(ctx: Ctx, id: DepartmentId, user_id: UserId) -> UUID:
    """Take somebody out of a department."""
    return await departments.remove_member(ctx, ids.decode("dep", id), user_id=ids.decode("usr", user_id))


QUERIES = [department, department_list]
MUTATIONS = [
    create_department,
    update_department,
    delete_department,
    set_department_member,
    remove_department_member,
]
SUBSCRIPTIONS = [changed(Department)]

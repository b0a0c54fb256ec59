"""The organization's own roles in the graph."""

from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import func

from db.identity.memberships import MembershipState
from db.identity.roles import Role as RoleRow
from domain.context import Ctx
from domain.identity import roles
from domain.permissions import Permission
from graph.compiler.projection import column, computed, projection, to_many
from graph.compiler.roots import many, one
from graph.core import ids
from graph.core.mutations import mutation
from graph.events.changed import changed
from graph.identity.inputs import EXPECTED_VERSION, given


@projection(RoleRow, prefix="rol", requires=Permission.MEMBER_READ, default_order=("name",), logged=True)
class Role:
    """A role that the organization defined itself. The built-in ones are the enum BuiltInRole."""

    key = column("What memberships call it; it never changes.", filter=True, order=True)
    name = column("What people call it.", filter=True, order=True)
    description = column("What it is for.")
    permissions = computed("What it allows.", list[Permission], lambda m, _: m.permissions)
    members = to_many(
        "Membership",
        "Who has it.",
        on=lambda me, other, _: (
            (other.org_id == me.org_id) & (other.state == MembershipState.ACTIVE) & (me.key == func.any(other.roles))
        ),
    )
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was made.", order=True)
    updated_at = column("When it was last changed.", order=True)


role = one("role", Role, "A role of the organization by id.")
role_list = many("roles", Role, "The roles that the organization defined itself.")


@strawberry.input(description="A new role.")
class CreateRoleInput:
    name: str = strawberry.field(description="What people call it; unique in the organization.")
    permissions: list[Permission] = strawberry.field(description="What it allows; only what you may do yourself.")
    key: str | None = strawberry.field(
        default=strawberry.UNSET, description="What memberships call it; made from the name when absent."
    )
    description: str | None = strawberry.field(default=strawberry.UNSET, description="What it is for.")


@strawberry.input(description="What to change of a role; what is absent stays.")
class UpdateRoleInput:
    id: strawberry.ID = strawberry.field(description="The role, `rol_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    name: str | None = strawberry.field(default=strawberry.UNSET, description="Another name.")
    description: str | None = strawberry.field(default=strawberry.UNSET, description="Another description.")
    permissions: list[Permission] | None = strawberry.field(
        default=strawberry.UNSET, description="What it allows from now on."
    )


@mutation(requires=Permission.ROLE_MANAGE, entity=("role", Role))
async def create_role(ctx: Ctx, input: CreateRoleInput) -> UUID:
    """Define a role of the organization."""
    return await roles.create(ctx, **given(input))


@mutation(requires=Permission.ROLE_MANAGE, entity=("role", Role))
async def update_role(ctx: Ctx, input: UpdateRoleInput) -> UUID:
    """Change a role; who has it may do other things at once."""
    values = given(input)
    return await roles.update(ctx, ids.decode("rol", values.pop("id")), **values)


RoleId = Annotated[strawberry.ID, strawberry.argument(description="The role, `rol_…`.")]
Version = Annotated[int, strawberry.argument(description=EXPECTED_VERSION)]


@mutation(requires=Permission.ROLE_MANAGE, payload={"deletedId": (strawberry.ID | None, "The role that is gone.")})
async def delete_role(ctx: Ctx, id: RoleId, expected_version: Version) -> dict[str, Any]:
    """Delete a role that nobody has."""
    deleted = await roles.delete(ctx, ids.decode("rol", id), expected_version=expected_version)
    return {"deletedId": ids.encode("rol", deleted)}


QUERIES = [role, role_list]
MUTATIONS = [create_role, update_role, delete_role]
SUBSCRIPTIONS = [changed(Role)]

"""Members of the organization in the graph."""

from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import func, select

from db.identity.memberships import Membership as MembershipRow
from db.identity.memberships import MembershipState
from domain.context import Ctx
from domain.identity import memberships
from domain.identity.rules.roles import BUILT_IN
from domain.permissions import Permission
from graph.compiler.projection import column, computed, projection, to_many, to_one
from graph.compiler.roots import many, one
from graph.core import ids
from graph.core.mutations import mutation
from graph.events.changed import changed
from graph.identity.enums import BuiltInRole
from graph.identity.inputs import EXPECTED_VERSION

ROLES = "Keys of built-in roles (see the enum BuiltInRole) or of the organization's own; at least one."


def _built_in(row: Any) -> Any:
    key = func.unnest(row.roles).column_valued("key")
    return func.array(select(key).where(key.in_(list(BUILT_IN))).scalar_subquery())


@projection(MembershipRow, prefix="mem", requires=Permission.MEMBER_READ, default_order=("createdAt",), logged=True)
class Membership:
    """A person's place in the organization you work in, with their roles."""

    user = to_one("User", "The person.", via="user_id", nullable=True)
    roles = column("The keys of all roles.", filter=True)
    built_in_roles = computed(
        "Those of the roles that every organization has.", list[BuiltInRole], lambda m, _: _built_in(m)
    )
    own_roles = to_many(
        "Role",
        "Those of the roles that are the organization's own.",
        on=lambda me, other, _: (other.org_id == me.org_id) & (other.key == func.any(me.roles)),
    )
    departments = to_many(
        "DepartmentMembership",
        "Their places in departments.",
        on=lambda me, other, _: (other.org_id == me.org_id) & (other.user_id == me.user_id),
    )
    state = column("Whether they belong to the organization.", enum=MembershipState, filter=True, order=True)
    removed_at = column("When they ceased to belong to it.", filter=True, order=True)
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When they were first added.", filter=True, order=True)
    updated_at = column("When it was last changed.", order=True)


member = one("member", Membership, "A membership by id.")
members = many("members", Membership, "Who belongs, or once belonged, to the organization you work in.")


@strawberry.input(description="Whom to add.")
class AddMemberInput:
    email: str = strawberry.field(description="The e-mail address; who has no account gets one, and a mail.")
    name: str = strawberry.field(description="What to call a person without an account; others keep their name.")
    roles: list[str] = strawberry.field(description=ROLES)


@strawberry.input(description="The roles somebody has from now on.")
class ChangeMemberRolesInput:
    id: strawberry.ID = strawberry.field(description="The membership, `mem_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    roles: list[str] = strawberry.field(description=ROLES)


@mutation(requires=Permission.MEMBER_MANAGE, entity=("member", Membership))
async def add_member(ctx: Ctx, input: AddMemberInput) -> UUID:
    """Make a person a member of the organization, or again one. Nobody grants permissions they lack."""
    return await memberships.add(ctx, email=input.email, name=input.name, roles=input.roles)


@mutation(requires=Permission.MEMBER_MANAGE, entity=("member", Membership))
async def change_member_roles(ctx: Ctx, input: ChangeMemberRolesInput) -> UUID:
    """Give a member other roles, at once. The last owner stays one."""
    return await memberships.change_roles(
        ctx, ids.decode("mem", input.id), roles=input.roles, expected_version=input.expected_version
    )


MemberId = Annotated[strawberry.ID, strawberry.argument(description="The membership, `mem_…`.")]
Version = Annotated[int, strawberry.argument(description=EXPECTED_VERSION)]


@mutation(requires=Permission.MEMBER_MANAGE, entity=("member", Membership))
async def remove_member(ctx: Ctx, id: MemberId, expected_version: Version) -> UUID:
    """End a membership, at once. History goes on naming the person. The last owner cannot be removed."""
    return await memberships.remove(ctx, ids.decode("mem", id), expected_version=expected_version)


QUERIES = [member, members]
MUTATIONS = [add_member, change_member_roles, remove_member]
SUBSCRIPTIONS = [changed(Membership)]

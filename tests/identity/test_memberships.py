"""Members and their roles, over HTTP."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select
from uuid_utils.compat import uuid7

from db.events.jobs import Job
from db.session import Database
from domain.identity.rules.roles import BUILT_IN
from runtime.settings import Settings
from tests.factories import identity
from tests.factories.api import Api
from tests.factories.identity import Person

ERRORS = "errors { code message path }"
MEMBER = "member { id roles builtInRoles state version user { name email } ownRoles { nodes { key } } }"
ADD = f"mutation($input: AddMemberInput!) {{ addMember(input: $input) {{ {MEMBER} {ERRORS} }} }}"
CHANGE = f"""mutation($input: ChangeMemberRolesInput!) {{
    changeMemberRoles(input: $input) {{ {MEMBER} {ERRORS} }} }}"""
REMOVE = f"""mutation($id: ID!, $version: Int!) {{
    removeMember(id: $id, expectedVersion: $version) {{ {MEMBER} {ERRORS} }} }}"""
MEMBERS = """query($where: MembershipFilter) { members(where: $where) {
    totalCount nodes { state user { id name } roles departments { nodes { department { name } } } } } }"""
NOT_ALLOWED = [("NOT_ALLOWED", ["input", "roles"])]


def change(someone: Person, *roles: str, version: int = 1) -> dict[str, Any]:
    return {"id": f"mem_{someone.membership_id}", "roles": list(roles), "expectedVersion": version}


async def test_adding_somebody_new(api: Api, db: Database, owner: Person) -> None:
    email = f"new{uuid7().hex[-10:]}@example.com"
    me = api.as_(owner.token)
    added = (await me.done(ADD, input={"email": email, "name": "Newt", "roles": ["VIEWER", "STORES"]}))["member"]
    assert added["user"] == {"name": "Newt", "email": email}
    assert added["roles"] == ["STORES", "VIEWER"]
    assert added["builtInRoles"] == ["STORES", "VIEWER"]
    async with db.platform() as session:
        jobs = (await session.scalars(select(Job).where(Job.arguments["email"].as_string() == email))).all()
    assert [(job.org_id, job.arguments["template"]) for job in jobs] == [(owner.org_id, "welcome")]
    again = {"email": email.upper(), "name": "Newt", "roles": ["VIEWER"]}
    assert await me.refusals(ADD, input=again) == [("TAKEN", ["input", "email"])]


async def test_adding_a_person_of_another_organization(
    api: Api, db: Database, settings: Settings, owner: Person
) -> None:
    stranger = await identity.owner(db, settings)
    me = api.as_(owner.token)
    added = (await me.done(ADD, input={"email": stranger.email, "name": "Any", "roles": ["VIEWER"]}))["member"]
    assert added["user"]["name"] == "Pat Doe"
    organizations = (await api.as_(stranger.token).data("{ organizations { totalCount } }"))["organizations"]
    assert organizations["totalCount"] == 2


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"roles": []}, ("REQUIRED", ["input", "roles"])),
        ({"roles": ["KING"]}, ("NOT_FOUND", ["input", "roles"])),
        ({"email": "x"}, ("INVALID", ["input", "email"])),
        ({"name": ""}, ("REQUIRED", ["input", "name"])),
    ],
)
async def test_what_adding_refuses(api: Api, owner: Person, values: dict[str, Any], refused: Any) -> None:
    given = {"email": "some@example.com", "name": "Some", "roles": ["VIEWER"]} | values
    assert await api.as_(owner.token).refusals(ADD, input=given) == [refused]


async def test_nobody_grants_or_takes_what_they_lack(api: Api, db: Database, settings: Settings, owner: Person) -> None:
    manager = await identity.person(db, settings, owner.org_id, "MANAGER")
    admin = await identity.person(db, settings, owner.org_id, "ADMIN")
    member = await identity.person(db, settings, owner.org_id, "MEMBER")
    me = api.as_(manager.token)
    assert await me.refusals(CHANGE, input=change(member, "ADMIN")) == NOT_ALLOWED
    assert await me.refusals(CHANGE, input=change(admin, "VIEWER")) == NOT_ALLOWED
    assert await me.refusals(REMOVE, id=f"mem_{admin.membership_id}", version=1) == NOT_ALLOWED
    assert await me.refusals(ADD, input={"email": "x@example.com", "name": "X", "roles": ["OWNER"]}) == NOT_ALLOWED
    assert (await me.done(CHANGE, input=change(member, "DEVELOPER", "AUDITOR")))["member"]["version"] == 2
    # An administrator may do everything, but owners are made and unmade by owners.
    admins = api.as_(admin.token)
    assert await admins.refusals(CHANGE, input=change(member, "OWNER", version=2)) == NOT_ALLOWED
    assert await admins.refusals(CHANGE, input=change(owner, "VIEWER")) == NOT_ALLOWED
    assert await api.as_(owner.token).done(CHANGE, input=change(member, "OWNER", version=2))


async def test_the_last_owner_stays(api: Api, db: Database, settings: Settings, owner: Person) -> None:
    me = api.as_(owner.token)
    assert await me.refusals(CHANGE, input=change(owner, "VIEWER")) == [("NOT_ALLOWED", ["id"])]
    assert await me.refusals(REMOVE, id=f"mem_{owner.membership_id}", version=1) == [("NOT_ALLOWED", ["id"])]
    second = await identity.person(db, settings, owner.org_id, "OWNER")
    answers = await asyncio.gather(
        me.answer(CHANGE, input=change(second, "VIEWER")),
        api.as_(second.token).answer(CHANGE, input=change(owner, "VIEWER")),
    )
    async with db.tenant(owner.org_id) as session:
        from db.identity.memberships import Membership

        kept = (await session.scalars(select(Membership.roles))).all()
    assert sum("OWNER" in roles for roles in kept) == 1, answers


async def test_a_removed_member_is_still_named(api: Api, db: Database, settings: Settings, owner: Person) -> None:
    member = await identity.person(db, settings, owner.org_id, "MEMBER")
    me = api.as_(owner.token)
    removed = (await me.done(REMOVE, id=f"mem_{member.membership_id}", version=1))["member"]
    assert removed["state"] == "REMOVED"
    assert await api.as_(member.token).code("{ viewer { id } }") == "UNAUTHENTICATED"
    listed = (await me.data(MEMBERS, where={"state": {"eq": "REMOVED"}}))["members"]
    assert [found["user"]["name"] for found in listed["nodes"]] == ["Pat Doe"]
    assert await me.refusals(CHANGE, input=change(member, "VIEWER", version=2)) == [("NOT_ALLOWED", ["id"])]
    back = await me.done(ADD, input={"email": member.email, "name": "Pat Doe", "roles": ["VIEWER"]})
    assert (back["member"]["id"], back["member"]["state"]) == (f"mem_{member.membership_id}", "ACTIVE")


async def test_versions_protect_from_lost_updates(api: Api, db: Database, settings: Settings, owner: Person) -> None:
    member = await identity.person(db, settings, owner.org_id, "MEMBER")
    me = api.as_(owner.token)
    await me.done(CHANGE, input=change(member, "VIEWER"))
    assert await me.code(CHANGE, input=change(member, "STORES")) == "CONFLICT"


async def test_members_of_others_are_not_there(api: Api, db: Database, settings: Settings, owner: Person) -> None:
    stranger = await identity.owner(db, settings)
    me = api.as_(owner.token)
    assert await me.code(CHANGE, input=change(stranger, "VIEWER")) == "NOT_FOUND"
    assert await me.code(REMOVE, id=f"mem_{stranger.membership_id}", version=1) == "NOT_FOUND"
    assert await me.code(REMOVE, id=f"usr_{stranger.user_id}", version=1) == "BAD_USER_INPUT"
    assert (await me.data(MEMBERS))["members"]["totalCount"] == 1


async def test_who_lacks_the_permission(api: Api, db: Database, settings: Settings, owner: Person) -> None:
    client = await identity.person(db, settings, owner.org_id, "CLIENT")
    me = api.as_(client.token)
    assert await me.code(MEMBERS) == "FORBIDDEN"
    assert await me.code(CHANGE, input=change(owner, "VIEWER")) == "FORBIDDEN"
    assert await me.code("{ users { nodes { email } } }") == "FORBIDDEN"
    assert await api.code(MEMBERS) == "UNAUTHENTICATED"


async def test_the_schema_lists_the_built_in_roles(api: Api, owner: Person) -> None:
    query = '{ __type(name: "BuiltInRole") { enumValues { name description } } }'
    values = (await api.as_(owner.token).data(query))["__type"]["enumValues"]
    assert {value["name"] for value in values} == set(BUILT_IN)
    assert all(value["description"] for value in values)

"""Departments and who is in them, over HTTP."""

import asyncio
from typing import Any

from db.session import Database
from runtime.settings import Settings
from tests.factories import identity
from tests.factories.api import Api
from tests.factories.identity import Person

ERRORS = "errors { code message path }"
DEPARTMENT = "department { id name description version members { nodes { role user { id name } } } }"
CREATE = f"mutation($input: CreateDepartmentInput!) {{ createDepartment(input: $input) {{ {DEPARTMENT} {ERRORS} }} }}"
UPDATE = f"mutation($input: UpdateDepartmentInput!) {{ updateDepartment(input: $input) {{ {DEPARTMENT} {ERRORS} }} }}"
DELETE = f"""mutation($id: ID!, $version: Int!) {{
    deleteDepartment(id: $id, expectedVersion: $version) {{ deletedId {ERRORS} }} }}"""
SET = f"""mutation($input: SetDepartmentMemberInput!) {{
    setDepartmentMember(input: $input) {{ {DEPARTMENT} {ERRORS} }} }}"""
REMOVE = f"""mutation($id: ID!, $user: ID!) {{
    removeDepartmentMember(id: $id, userId: $user) {{ {DEPARTMENT} {ERRORS} }} }}"""


async def create(api: Api, name: str = "Line maintenance") -> dict[str, Any]:
    found: dict[str, Any] = (await api.done(CREATE, input={"name": name}))["department"]
    return found


async def test_a_department_from_cradle_to_grave(api: Api, owner: Person) -> None:
    me = api.as_(owner.token)
    made = await create(me, "  Line maintenance ")
    assert (made["name"], made["description"], made["version"]) == ("Line maintenance", "", 1)
    changed = {"id": made["id"], "expectedVersion": 1, "description": "On the apron."}
    assert (await me.done(UPDATE, input=changed))["department"]["description"] == "On the apron."
    assert await me.code(UPDATE, input=changed) == "CONFLICT"
    assert await me.code(DELETE, id=made["id"], version=1) == "CONFLICT"
    assert (await me.done(DELETE, id=made["id"], version=2))["deletedId"] == made["id"]
    assert await me.data("query($id: ID!) { department(id: $id) { id } }", id=made["id"]) == {"department": None}


async def test_names_are_unique_whatever_their_case(api: Api, db: Database, settings: Settings, owner: Person) -> None:
    me = api.as_(owner.token)
    await create(me, "Stores")
    assert await me.refusals(CREATE, input={"name": "STORES"}) == [("TAKEN", ["input", "name"])]
    other = await create(me, "Ramp")
    renamed = {"id": other["id"], "expectedVersion": 1, "name": "stores"}
    assert await me.refusals(UPDATE, input=renamed) == [("TAKEN", ["input", "name"])]
    assert await create(api.as_((await identity.owner(db, settings)).token), "Stores"), "another organization may"


async def test_people_in_a_department(api: Api, db: Database, settings: Settings, owner: Person) -> None:
    me = api.as_(owner.token)
    made = await create(me)
    member = await identity.person(db, settings, owner.org_id, "MEMBER")
    put = {"id": made["id"], "userId": f"usr_{member.user_id}"}
    place = (await me.done(SET, input=put))["department"]["members"]["nodes"]
    assert place == [{"role": "MEMBER", "user": {"id": f"usr_{member.user_id}", "name": "Pat Doe"}}]
    assert (await me.done(SET, input=put | {"role": "LEAD"}))["department"]["members"]["nodes"][0]["role"] == "LEAD"
    query = "{ users { nodes { id departments { nodes { role department { name } } } } } }"
    shown = {found["id"]: found["departments"]["nodes"] for found in (await me.data(query))["users"]["nodes"]}
    assert shown[f"usr_{member.user_id}"] == [{"role": "LEAD", "department": {"name": "Line maintenance"}}]
    gone = await me.done(REMOVE, id=made["id"], user=f"usr_{member.user_id}")
    assert gone["department"]["members"]["nodes"] == []
    assert await me.code(REMOVE, id=made["id"], user=f"usr_{member.user_id}") == "NOT_FOUND"


async def test_setting_a_member_twice_at_once_makes_one_place(
    api: Api, db: Database, settings: Settings, owner: Person
) -> None:
    me = api.as_(owner.token)
    made = await create(me)
    member = await identity.person(db, settings, owner.org_id, "MEMBER")
    put = {"id": made["id"], "userId": f"usr_{member.user_id}"}
    done = await asyncio.gather(*(me.done(SET, input=put) for _ in range(4)))
    assert {len(found["department"]["members"]["nodes"]) for found in done} == {1}


async def test_strangers_are_in_no_department(api: Api, db: Database, settings: Settings, owner: Person) -> None:
    me = api.as_(owner.token)
    made = await create(me)
    stranger = await identity.owner(db, settings)
    put = {"id": made["id"], "userId": f"usr_{stranger.user_id}"}
    assert await me.refusals(SET, input=put) == [("NOT_FOUND", ["input", "userId"])]
    theirs = api.as_(stranger.token)
    assert await theirs.code(SET, input=put) == "NOT_FOUND"
    assert await theirs.code(DELETE, id=made["id"], version=1) == "NOT_FOUND"
    wrong = {"id": f"usr_{stranger.user_id}", "userId": made["id"]}
    assert await me.code(SET, input=wrong) == "BAD_USER_INPUT"


async def test_removing_a_member_empties_their_places(
    api: Api, db: Database, settings: Settings, owner: Person
) -> None:
    me = api.as_(owner.token)
    made = await create(me)
    member = await identity.person(db, settings, owner.org_id, "MEMBER")
    await me.done(SET, input={"id": made["id"], "userId": f"usr_{member.user_id}"})
    remove = f"""mutation($id: ID!) {{ removeMember(id: $id, expectedVersion: 1) {{
        member {{ departments {{ totalCount }} }} {ERRORS} }} }}"""
    gone = await me.done(remove, id=f"mem_{member.membership_id}")
    assert gone["member"]["departments"]["totalCount"] == 0


async def test_only_who_manages_departments_changes_them(
    api: Api, db: Database, settings: Settings, owner: Person
) -> None:
    made = await create(api.as_(owner.token))
    viewer = api.as_((await identity.person(db, settings, owner.org_id, "VIEWER")).token)
    assert (await viewer.data("{ departments { nodes { name } } }"))["departments"]["nodes"]
    assert await viewer.code(CREATE, input={"name": "Mine"}) == "FORBIDDEN"
    assert await viewer.code(DELETE, id=made["id"], version=1) == "FORBIDDEN"
    client = api.as_((await identity.person(db, settings, owner.org_id, "CLIENT")).token)
    assert await client.code("{ departments { nodes { name } } }") == "FORBIDDEN"

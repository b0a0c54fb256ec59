"""An organization's own roles, over HTTP."""

from typing import Any

import pytest

from db.session import Database
from runtime.settings import Settings
from tests.factories import identity
from tests.factories.api import Api
from tests.factories.identity import Person

ERRORS = "errors { code message path }"
ROLE = "role { id key name description permissions version members { nodes { user { id } } } }"
CREATE = f"mutation($input: CreateRoleInput!) {{ createRole(input: $input) {{ {ROLE} {ERRORS} }} }}"
UPDATE = f"mutation($input: UpdateRoleInput!) {{ updateRole(input: $input) {{ {ROLE} {ERRORS} }} }}"
DELETE = f"""mutation($id: ID!, $version: Int!) {{
    deleteRole(id: $id, expectedVersion: $version) {{ deletedId {ERRORS} }} }}"""
FUELER = {"name": "Lead fueler", "permissions": ["UTILISATION_RECORD", "FLEET_READ"], "description": "Fuels."}


async def test_a_role_from_cradle_to_grave(api: Api, db: Database, settings: Settings, owner: Person) -> None:
    me = api.as_(owner.token)
    role = (await me.done(CREATE, input=FUELER))["role"]
    assert role["key"] == "LEAD_FUELER"
    assert role["permissions"] == ["FLEET_READ", "UTILISATION_RECORD"]
    fueler = await identity.person(db, settings, owner.org_id, "LEAD_FUELER")
    viewer = (await api.as_(fueler.token).data("{ viewer { permissions roles } }"))["viewer"]
    assert viewer == {"permissions": ["FLEET_READ", "UTILISATION_RECORD"], "roles": ["LEAD_FUELER"]}
    changed = {"id": role["id"], "expectedVersion": 1, "name": "Fueler", "permissions": ["FLEET_READ"]}
    role = (await me.done(UPDATE, input=changed))["role"]
    assert (role["name"], role["key"], role["permissions"]) == ("Fueler", "LEAD_FUELER", ["FLEET_READ"])
    assert role["members"]["nodes"] == [{"user": {"id": f"usr_{fueler.user_id}"}}]
    assert await me.code(UPDATE, input=changed) == "CONFLICT"
    assert await me.refusals(DELETE, id=role["id"], version=2) == [("IN_USE", ["id"])]
    give = f"mutation($input: ChangeMemberRolesInput!) {{ changeMemberRoles(input: $input) {{ {ERRORS} }} }}"
    await me.done(give, input={"id": f"mem_{fueler.membership_id}", "expectedVersion": 1, "roles": ["VIEWER"]})
    assert (await me.done(DELETE, id=role["id"], version=2))["deletedId"] == role["id"]
    assert (await me.data("{ roles { totalCount } }"))["roles"]["totalCount"] == 0


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"name": " "}, ("REQUIRED", ["input", "name"])),
        ({"permissions": []}, ("REQUIRED", ["input", "permissions"])),
        ({"key": "OWNER"}, ("TAKEN", ["input", "key"])),
        ({"key": "lower"}, ("INVALID", ["input", "key"])),
        ({"name": "航空"}, ("INVALID", ["input", "key"])),
        ({"name": "Viewer"}, ("TAKEN", ["input", "key"])),
        ({"description": "x" * 1001}, ("TOO_LONG", ["input", "description"])),
    ],
)
async def test_roles_that_are_refused(api: Api, owner: Person, values: dict[str, Any], refused: Any) -> None:
    assert await api.as_(owner.token).refusals(CREATE, input=FUELER | values) == [refused]


async def test_keys_and_names_are_unique(api: Api, owner: Person) -> None:
    me = api.as_(owner.token)
    await me.done(CREATE, input=FUELER)
    assert await me.refusals(CREATE, input=FUELER) == [("TAKEN", ["input", "key"])]
    other = FUELER | {"key": "OTHER", "name": "LEAD FUELER"}
    assert await me.refusals(CREATE, input=other) == [("TAKEN", ["input", "name"])]


async def test_an_unknown_permission_is_no_permission(api: Api, owner: Person) -> None:
    answer = await api.as_(owner.token).answer(CREATE, input=FUELER | {"permissions": ["FLY"]})
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_nobody_defines_a_role_above_their_own(api: Api, db: Database, settings: Settings, owner: Person) -> None:
    me = api.as_(owner.token)
    own = {"name": "Role keeper", "permissions": ["ROLE_MANAGE", "MEMBER_READ"]}
    await me.done(CREATE, input=own)
    strong = (await me.done(CREATE, input=FUELER))["role"]
    keeper = api.as_((await identity.person(db, settings, owner.org_id, "ROLE_KEEPER")).token)
    refused = [("NOT_ALLOWED", ["input", "permissions"])]
    assert await keeper.refusals(CREATE, input=FUELER | {"name": "More"}) == refused
    weaker = {"id": strong["id"], "expectedVersion": 1, "permissions": ["FLEET_READ"]}
    assert await keeper.refusals(UPDATE, input=weaker) == refused
    assert (await keeper.done(CREATE, input={"name": "Lister", "permissions": ["MEMBER_READ"]}))["role"]


async def test_roles_of_others_are_not_there(api: Api, db: Database, settings: Settings, owner: Person) -> None:
    role = (await api.as_(owner.token).done(CREATE, input=FUELER))["role"]
    stranger = api.as_((await identity.owner(db, settings)).token)
    assert await stranger.data("query($id: ID!) { role(id: $id) { id } }", id=role["id"]) == {"role": None}
    assert await stranger.code(DELETE, id=role["id"], version=1) == "NOT_FOUND"
    assert await stranger.refusals(
        "mutation($input: AddMemberInput!) { addMember(input: $input) { errors { code path } } }",
        input={"email": "a@example.com", "name": "A", "roles": ["LEAD_FUELER"]},
    ) == [("NOT_FOUND", ["input", "roles"])]

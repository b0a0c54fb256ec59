"""The event log in the graph: query and subscription, at the engine."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from db.events.connection import Connection
from db.identity.memberships import Membership as MembershipRow
from db.session import Database
from domain.context import Actor, Ctx
from domain.events.cursors import Cursors
from domain.events.reading import read_head
from domain.permissions import Permission
from graph.compiler.projection import column, projection
from graph.context import Platform
from graph.core.followed import Select, followed
from graph.core.room import Room, merge
from graph.events.changed import changed
from graph.operations import Caller, OperationRequest
from graph.schema import BuiltSchema, build_schema, rooms
from runtime.settings import Settings
from tests.factories.events import until
from tests.factories.identity import Person, actor, organization, owner, person

SUBSCRIBE = """
subscription ($after: String, $types: [String!]) {
  events(after: $after, types: $types) { cursor event { id sequence type targetId actor { name } after } }
}
"""
LIST = """
query {
  events(first: 2) { totalCount nodes {
    __typename id sequence type targetType targetId actor { name } impersonator { name } before after occurredAt
    recordedAt previousHash hash
  } }
}
"""


class World:
    """A platform on a database of its own, with the rooms that the log needs."""

    def __init__(self, platform: Platform, me: Person, who: Actor) -> None:
        self.platform, self.me, self.who = platform, me, who

    async def record(self, type: str, **after: Any) -> None:
        async with self.platform.db.tenant(self.who.org_id, self.who.user_id) as session:
            Ctx(self.who, session).record(type, "usr", self.me.user_id, after=after or None)
        self.platform.committed()

    async def ask(self, query: str, who: Actor | None = None, **variables: Any) -> Any:
        request = OperationRequest(query, None, variables)
        return orjson.loads((await self.platform.engine.execute(request, Caller(who or self.who))).body)

    async def messages(self, who: Actor | None = None, **variables: Any) -> AsyncGenerator[Any]:
        request = OperationRequest(SUBSCRIBE, None, variables)
        async with aclosing(self.platform.engine.subscribe(request, Caller(who or self.who))) as outcomes:
            async for outcome in outcomes:
                yield orjson.loads(outcome.body)

    async def take(self, count: int, **variables: Any) -> list[Any]:
        taken: list[Any] = []
        async with aclosing(self.messages(**variables)) as found:
            async for message in found:
                assert "errors" not in message, message
                taken.append(message["data"]["events"])
                if len(taken) == count:
                    return taken
        raise AssertionError("The subscription ended.")

    async def refusal(self, **variables: Any) -> str:
        async with aclosing(self.messages(**variables)) as found:
            message = await anext(found)
        return str(message["errors"][0]["extensions"]["code"])


@pytest.fixture
async def world(own: Database, fresh_settings: Settings) -> AsyncIterator[World]:
    me = await owner(own, fresh_settings)
    platform = Platform(fresh_settings, build_schema())
    await platform.start()
    yield World(platform, me, await actor(own, me))
    await platform.close()


async def recorded(world: World, count: int) -> bool:
    answer = await world.ask("{ events { totalCount } }")
    return bool(answer["data"]["events"]["totalCount"] >= count)


async def test_the_log_is_listed_newest_first(world: World) -> None:
    founding = (await world.ask("{ events { totalCount } }"))["data"]["events"]["totalCount"]
    await world.record("thing.made", name="Zürich", n=1.5)
    await world.record("thing.gone")
    await until(lambda: recorded(world, founding + 2))
    answer = await world.ask(LIST)
    gone, made = answer["data"]["events"]["nodes"]
    assert (gone["type"], gone["after"], gone["before"]) == ("thing.gone", None, None)
    assert made["after"] == {"name": "Zürich", "n": 1.5}
    assert made["targetId"] == f"usr_{world.me.user_id}"
    assert made["actor"] == {"name": "Pat Doe"}
    assert made["impersonator"] is None
    assert gone["previousHash"] == made["hash"]
    assert gone["sequence"] == made["sequence"] + 1
    node = await world.ask("query ($id: ID!) { node(id: $id) { ... on Event { type } } }", id=made["id"])
    assert node["data"]["node"] == {"type": "thing.made"}
    where = await world.ask('{ events(where: {type: {eq: "thing.made"}}) { nodes { type } } }')
    assert where["data"]["events"]["nodes"] == [{"type": "thing.made"}]


async def test_a_subscription_resumes_behind_a_cursor(world: World) -> None:
    begin = Cursors.from_settings(world.platform.settings).encode(await world.platform.live.epoch(), world.me.org_id, 0)
    for n in range(1, 6):
        await world.record("thing.made", n=n)
    first = await world.take(2, after=begin, types=["thing.made"])
    assert [message["event"]["after"]["n"] for message in first] == [1, 2]
    rest = await world.take(3, after=first[-1]["cursor"], types=["thing.made"])
    assert [message["event"]["after"]["n"] for message in rest] == [3, 4, 5]
    assert rest[0]["event"]["actor"] == {"name": "Pat Doe"}
    await world.record("thing.other")
    await world.record("thing.made", n=6)
    [last] = await world.take(1, after=rest[-1]["cursor"], types=["thing.made"])
    assert last["event"]["after"] == {"n": 6}


async def test_cursors_of_others_and_of_the_past_are_refused(world: World) -> None:
    cursors = Cursors.from_settings(world.platform.settings)
    epoch = await world.platform.live.epoch()
    other, _slug = await organization(world.platform.db)
    assert await world.refusal(after="nonsense") == "BAD_USER_INPUT"
    assert await world.refusal(after=cursors.encode(epoch, other, 1)) == "BAD_USER_INPUT"
    assert await world.refusal(after=cursors.encode("00" * 8, world.me.org_id, 1)) == "RESYNC"
    assert await world.refusal(after=cursors.encode(epoch, world.me.org_id, 10**6)) == "RESYNC"


async def test_reading_the_log_needs_the_permission(world: World, fresh_settings: Settings) -> None:
    db = world.platform.db
    someone = await actor(db, await person(db, fresh_settings, world.me.org_id, "viewer"))
    lesser = Actor(someone.org_id, someone.user_id, someone.permissions - {Permission.EVENT_READ})
    answer = await world.ask(LIST, lesser)
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await world.refusal(who=lesser) == "FORBIDDEN"
    assert await world.refusal(who=lesser, after="x") == "FORBIDDEN"


async def test_another_organization_hears_and_sees_nothing(world: World, fresh_settings: Settings) -> None:
    db = world.platform.db
    stranger = await actor(db, await owner(db, fresh_settings))
    await world.record("thing.made", n=1)
    await until(lambda: recorded(world, 1))
    mine = (await world.ask("{ events { nodes { id } } }"))["data"]["events"]["nodes"]
    theirs = (await world.ask("{ events { nodes { id } } }", stranger))["data"]["events"]["nodes"]
    assert mine
    assert not {e["id"] for e in mine} & {e["id"] for e in theirs}
    node = await world.ask("query ($id: ID!) { event(id: $id) { type } }", stranger, id=mine[0]["id"])
    assert node["data"]["event"] is None


async def test_it_outlives_lost_database_connections(world: World, admin: Connection) -> None:
    begin = await read_head(world.platform.db, world.me.org_id)
    cursor = Cursors.from_settings(world.platform.settings).encode(
        await world.platform.live.epoch(), world.me.org_id, begin
    )
    async with aclosing(world.messages(after=cursor)) as found:  # type: ignore[type-var]
        for number in range(1, 5):
            async with world.platform.db.tenant(world.who.org_id, world.who.user_id) as session:
                Ctx(world.who, session).record("thing.made", "usr", world.me.user_id)
            message = await anext(found)
            assert message["data"]["events"]["event"]["sequence"] == begin + number
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


async def test_filtering_needs_what_reading_needs(world: World) -> None:
    lesser = Actor(world.who.org_id, world.who.user_id, world.who.permissions - {Permission.MEMBER_READ})
    inside = "{members: {some: {user: {state: {isNull: false}}}}}"
    request = OperationRequest(f"subscription {{ departmentChanged(where: {inside}) {{ cursor }} }}")
    stream = world.platform.engine.subscribe(request, Caller(lesser))
    refused = orjson.loads((await anext(stream)).body)
    await stream.aclose()
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert "User.state needs MEMBER_READ" in refused["errors"][0]["message"]


@projection(
    MembershipRow,
    prefix="mine",
    requires=Permission.MEMBER_READ,
    default_order=("id",),
    visible=lambda row, who: row.user_id == who.user_id,
)
class OwnPlace:
    """A membership that only the person sees."""

    roles = column("The keys of all roles.")


MINE = "subscription ($after: String) { ownPlaceChanged(after: $after) { id ownPlace { roles } } }"


async def test_what_depends_on_the_person_is_shared_with_nobody(own: Database, fresh_settings: Settings) -> None:
    """What a row predicate hides is not told, and each person has a rendering of their own."""
    me = await owner(own, fresh_settings)
    other = await person(own, fresh_settings, me.org_id)
    room = merge([rooms(), Room(projections=[OwnPlace], subscriptions=[changed(OwnPlace)])])
    platform = Platform(fresh_settings, BuiltSchema(room))
    await platform.start()
    mine, theirs = await actor(own, me), await actor(own, other)
    cursor = Cursors.from_settings(fresh_settings).encode(
        await platform.live.epoch(), me.org_id, await read_head(own, me.org_id)
    )
    request = OperationRequest(MINE, None, {"after": cursor})
    streams = [platform.engine.subscribe(request, Caller(who)) for who in (mine, theirs)]
    async with own.tenant(me.org_id, me.user_id) as session:
        ctx = Ctx(mine, session)
        for who in (me, other, me):
            assert who.membership_id
            ctx.record("place.touched", "mine", who.membership_id)
    for stream, who, times in ((streams[0], me, 2), (streams[1], other, 1)):
        for _ in range(times):
            message = orjson.loads((await anext(stream)).body)["data"]["ownPlaceChanged"]
            assert message == {"id": f"mine_{who.membership_id}", "ownPlace": {"roles": ["OWNER"]}}
        await stream.aclose()
    await platform.close()


@followed(personal=True, payload={"mine": (bool, "Always true.")})
def own_events(actor: Actor) -> Select:
    """What one did oneself."""
    return lambda event: {"mine": True} if event.actor_id == actor.user_id else None


async def test_a_personal_subscription_knows_its_person(own: Database, fresh_settings: Settings) -> None:
    me = await owner(own, fresh_settings)
    other = await person(own, fresh_settings, me.org_id)
    room = merge([rooms(), Room(subscriptions=[own_events])])
    platform = Platform(fresh_settings, BuiltSchema(room))
    await platform.start()
    mine, theirs = await actor(own, me), await actor(own, other)
    cursors, epoch = Cursors.from_settings(fresh_settings), await platform.live.epoch()
    begin = await read_head(own, me.org_id)
    document = "subscription ($after: String) { ownEvents(after: $after) { cursor mine } }"
    request = OperationRequest(document, None, {"after": cursors.encode(epoch, me.org_id, begin)})
    streams = [platform.engine.subscribe(request, Caller(who)) for who in (mine, theirs)]
    for who in (mine, theirs):
        async with own.tenant(me.org_id, who.user_id) as session:
            Ctx(who, session).record("thing.made", "usr", me.user_id)
    found = [orjson.loads((await anext(stream)).body)["data"]["ownEvents"] for stream in streams]
    assert [each["mine"] for each in found] == [True, True]
    assert [cursors.decode(each["cursor"], epoch, me.org_id) - begin for each in found] == [1, 2]
    for stream in streams:
        await stream.aclose()
    await platform.close()

"""The feed over HTTP: who reads and writes what, numbers, reading marks, and what is left of a deleted message."""

import asyncio
import json

from sqlalchemy import text

from db.session import Database
from domain.context import Actor
from domain.identity import departments
from graph.core import ids
from runtime.settings import Settings
from tests.collaboration.conftest import Place, Someone
from tests.factories import identity
from tests.factories.api import Api
from tests.factories.collaboration import message
from tests.factories.events import until
from tests.factories.fleet import command, events_of

POST = """mutation ($input: PostFeedMessageInput!) { postFeedMessage(input: $input) {
  feedMessage { id number text version editedAt deletedAt author { name } channel { id name } }
  errors { code path } } }"""
EDIT = """mutation ($input: EditFeedMessageInput!) { editFeedMessage(input: $input) {
  feedMessage { text version editedAt } errors { code path } } }"""
DELETE = """mutation ($id: ID!) { deleteFeedMessage(id: $id) {
  feedMessage { text version deletedAt number } errors { code path } } }"""
READ = """mutation ($through: ID!) { markFeedRead(through: $through) {
  feedChannel { readThrough unreadCount } errors { code } } }"""
CHANNELS = "{ feedChannels { totalCount nodes { id name readThrough unreadCount department { name } } } }"
LIST = "query ($where: FeedMessageFilter) { feed(where: $where) { totalCount nodes { id text } } }"


async def post(who: Someone, words: str = "Hello", channel: str | None = None) -> dict:
    return (await who.api.done(POST, input={"text": words, "channelId": channel}))["feedMessage"]


async def channels(who: Someone) -> dict[str, tuple[int, int]]:
    """By id: how far the person has read, and how much not."""
    found = (await who.api.data(CHANNELS))["feedChannels"]["nodes"]
    return {each["id"]: (each["readThrough"], each["unreadCount"]) for each in found}


async def test_posting_to_everybody_and_to_a_department(place: Place) -> None:
    made = await post(place.otto, "  Good\r\nmorning ")
    assert made["id"].startswith("fm_")
    assert made["channel"]["id"] == place.everybody
    assert {k: made[k] for k in ("number", "text", "version", "editedAt", "deletedAt", "author")} == {
        "number": 1,
        "text": "Good\nmorning",
        "version": 1,
        "editedAt": None,
        "deletedAt": None,
        "author": {"name": "Pat Doe"},
    }
    inside = await post(place.ines, "In the hangar", place.hangar)
    assert (inside["number"], inside["channel"]) == (1, {"id": place.hangar, "name": "Hangar"})
    assert (await post(place.ines))["number"] == 2


async def test_only_its_people_and_moderators_see_a_department(place: Place) -> None:
    await post(place.owner, "For all")
    inside = await post(place.ines, "For us", place.hangar)
    query = """query ($id: ID!, $channel: ID!) { node(id: $id) { id } feedMessage(id: $id) { id }
      feedChannel(id: $channel) { messages { totalCount } } feed { totalCount nodes { text channel { name } } }
      feedChannels { totalCount nodes { messages { totalCount } } }
      filtered: feed(where: {channelId: {eq: $channel}}) { totalCount }
      edge: feed(where: {channel: {name: {eq: "Hangar"}}}) { totalCount } }"""
    for who in (place.ines, place.owner):
        seen = await who.api.data(query, id=inside["id"], channel=place.hangar)
        assert seen["node"] == seen["feedMessage"] == {"id": inside["id"]}
        assert seen["feedChannel"] == {"messages": {"totalCount": 1}}
        assert [node["text"] for node in seen["feed"]["nodes"]] == ["For us", "For all"]
        assert (seen["feed"]["totalCount"], seen["feedChannels"]["totalCount"]) == (2, 2)
        assert seen["filtered"] == seen["edge"] == {"totalCount": 1}
    seen = await place.otto.api.data(query, id=inside["id"], channel=place.hangar)
    assert seen["node"] is seen["feedMessage"] is seen["feedChannel"] is None
    assert [node["text"] for node in seen["feed"]["nodes"]] == ["For all"]
    assert (seen["feed"]["totalCount"], seen["feedChannels"]["totalCount"]) == (1, 1)
    assert seen["filtered"] == seen["edge"] == {"totalCount": 0}


async def test_who_may_not_see_a_message_cannot_touch_it(place: Place, db: Database) -> None:
    inside = (await post(place.ines, "For us", place.hangar))["id"]
    otto = place.otto.api
    assert await otto.refusals(POST, input={"text": "Hi", "channelId": place.hangar}) == [
        ("NOT_FOUND", ["input", "channelId"])
    ]
    assert await otto.code(READ, through=inside) == "NOT_FOUND"
    assert await otto.code(DELETE, id=inside) == "NOT_FOUND"
    for version in (1, 7):  # a wrong version says nothing either
        edited = {"id": inside, "expectedVersion": version, "text": "x"}
        assert await otto.code(EDIT, input=edited) == "NOT_FOUND"
    # Who leaves the department sees it no more, at once.
    async with command(db, place.owner.actor) as ctx:
        await departments.remove_member(ctx, place.department_id, user_id=place.ines.actor.user_id)
    assert (await place.ines.api.data(LIST))["feed"] == {"totalCount": 0, "nodes": []}
    assert await place.ines.api.code(READ, through=inside) == "NOT_FOUND"


async def test_another_organization_does_not_exist(place: Place, db: Database, settings: Settings) -> None:
    made = (await post(place.owner))["id"]
    stranger = Api(place.owner.api.http, (await identity.owner(db, settings)).token)
    assert (await stranger.data(LIST))["feed"]["totalCount"] == 0
    assert await stranger.code(DELETE, id=made) == "NOT_FOUND"
    for channel in (place.everybody, place.hangar):
        refused = await stranger.refusals(POST, input={"text": "Hi", "channelId": channel})
        assert refused == [("NOT_FOUND", ["input", "channelId"])]


async def test_who_may_only_look(place: Place, db: Database, settings: Settings) -> None:
    viewer = await identity.person(db, settings, place.owner.actor.org_id, "VIEWER")
    api = place.owner.api.as_(viewer.token)
    made = (await post(place.owner))["id"]
    assert (await api.data(LIST))["feed"]["totalCount"] == 1
    assert (await api.done(READ, through=made))["feedChannel"] == {"readThrough": 1, "unreadCount": 0}
    assert await api.code(POST, input={"text": "Hi"}) == "FORBIDDEN"
    assert await api.code(DELETE, id=made) == "FORBIDDEN"
    client = await identity.person(db, settings, place.owner.actor.org_id, "CLIENT")
    assert await api.as_(client.token).code(LIST) == "FORBIDDEN"


async def test_only_the_author_edits(place: Place) -> None:
    made = await post(place.otto, "Frist")
    for who in (place.ines, place.owner):
        edited = {"id": made["id"], "expectedVersion": 1, "text": "x"}
        assert await who.api.refusals(EDIT, input=edited) == [("NOT_ALLOWED", ["input", "id"])]
    edited = {"id": made["id"], "expectedVersion": 1, "text": "First"}
    shown = (await place.otto.api.done(EDIT, input=edited))["feedMessage"]
    assert (shown["text"], shown["version"]) == ("First", 2)
    assert shown["editedAt"] is not None
    assert await place.otto.api.code(EDIT, input=edited) == "CONFLICT"
    again = await place.otto.api.done(EDIT, input=edited | {"expectedVersion": 2})
    assert again["feedMessage"]["version"] == 2  # nothing was different
    assert await place.otto.api.refusals(EDIT, input=edited | {"text": " "}) == [("REQUIRED", ["input", "text"])]


async def test_nothing_is_left_of_a_deleted_message_but_its_place(place: Place, db: Database) -> None:
    secret = "the code of the gate is 4711"
    made = await post(place.otto, secret)
    await post(place.otto, "And then?")
    edited = {"id": made["id"], "expectedVersion": 1, "text": secret + "!"}
    await place.otto.api.done(EDIT, input=edited)
    assert await place.ines.api.refusals(DELETE, id=made["id"]) == [("NOT_ALLOWED", ["id"])]
    gone = (await place.otto.api.done(DELETE, id=made["id"]))["feedMessage"]
    assert gone["deletedAt"] is not None
    assert (gone["text"], gone["version"], gone["number"]) == (None, 3, 1)
    assert (await place.otto.api.done(DELETE, id=made["id"]))["feedMessage"] == gone
    edited = {"id": made["id"], "expectedVersion": 3, "text": "x"}
    assert await place.otto.api.refusals(EDIT, input=edited) == [("NOT_ALLOWED", ["input", "id"])]

    listed = (await place.owner.api.data("{ feed { nodes { text number deletedAt } } }"))["feed"]["nodes"]
    assert [(node["number"], node["text"]) for node in listed] == [(2, "And then?"), (1, None)]
    events = await events_of(db, ids.decode("fm", made["id"]))
    assert [event.type for event in events] == ["feed.posted", "feed.edited", "feed.deleted"]
    assert "4711" not in json.dumps([[event.before, event.after] for event in events])
    assert events[0].after == {"department_id": None, "number": 1}

    # A moderator deletes anybody's.
    other = await post(place.ines, "Oops", place.hangar)
    assert (await place.owner.api.done(DELETE, id=other["id"]))["feedMessage"]["text"] is None


async def test_numbers_are_dense_whoever_posts_at_once(place: Place) -> None:
    people = [place.owner, place.ines]
    made = await asyncio.gather(*(post(people[n % 2], str(n), place.hangar) for n in range(16)))
    assert sorted(each["number"] for each in made) == list(range(1, 17))
    # The list is in the order of the numbers: nothing appears behind what was seen.
    listed = await place.ines.api.data(
        "query ($c: ID!) { feed(where: {channelId: {eq: $c}}) { nodes { number } } }", c=place.hangar
    )
    assert [node["number"] for node in listed["feed"]["nodes"]] == list(range(16, 0, -1))


async def test_what_is_unread(place: Place) -> None:
    first = (await post(place.owner, "1"))["id"]
    second = (await post(place.otto, "2"))["id"]
    third = (await post(place.owner, "3"))["id"]
    inside = (await post(place.owner, "In", place.hangar))["id"]
    assert await channels(place.ines) == {place.everybody: (0, 3), place.hangar: (0, 1)}
    assert await channels(place.otto) == {place.everybody: (0, 2)}  # not one's own
    read = (await place.ines.api.done(READ, through=second))["feedChannel"]
    assert read == {"readThrough": 2, "unreadCount": 1}
    read = (await place.ines.api.done(READ, through=first))["feedChannel"]
    assert read == {"readThrough": 2, "unreadCount": 1}  # it only moves forward
    assert await channels(place.otto) == {place.everybody: (0, 2)}  # everybody for themselves
    await place.owner.api.done(DELETE, id=third)
    assert await channels(place.ines) == {place.everybody: (2, 0), place.hangar: (0, 1)}
    await place.ines.api.done(READ, through=inside)
    assert await channels(place.ines) == {place.everybody: (2, 0), place.hangar: (1, 0)}
    async with asyncio.TaskGroup() as tasks:
        for each in (first, second, third):
            tasks.create_task(place.otto.api.done(READ, through=each))
    assert await channels(place.otto) == {place.everybody: (3, 0)}


async def test_who_joins_later_has_nothing_unread(place: Place, db: Database, settings: Settings) -> None:
    await post(place.owner, "Long ago")
    late = await identity.person(db, settings, place.owner.actor.org_id, "MEMBER")
    api = place.owner.api.as_(late.token)
    [channel] = (await api.data(CHANNELS))["feedChannels"]["nodes"]
    assert (channel["id"], channel["unreadCount"]) == (place.everybody, 0)
    await post(place.owner, "New")
    assert (await api.data(CHANNELS))["feedChannels"]["nodes"][0]["unreadCount"] == 1


async def test_scrolling_back_while_others_post(place: Place, db: Database) -> None:
    for number in range(23):
        await message(db, place.owner.actor, str(number))
    query = "query ($a: String) { feed(first: 5, after: $a) { nodes { text } pageInfo { hasNextPage endCursor } } }"
    seen: list[str] = []
    page: dict = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        found = (await place.otto.api.data(query, a=page["endCursor"]))["feed"]
        seen += [node["text"] for node in found["nodes"]]
        page = found["pageInfo"]
        await message(db, place.owner.actor, "meanwhile")
    assert seen == [str(number) for number in range(22, -1, -1)]


async def test_a_department_takes_its_channel_along(place: Place, db: Database) -> None:
    inside = (await post(place.ines, "For us", place.hangar))["id"]
    await place.owner.api.done(READ, through=inside)
    async with command(db, place.owner.actor) as ctx:
        await departments.delete(ctx, place.department_id, expected_version=1)
    assert await channels(place.owner) == {place.everybody: (0, 0)}
    assert (await place.owner.api.data(LIST))["feed"]["totalCount"] == 0
    assert await place.ines.api.refusals(POST, input={"text": "?", "channelId": place.hangar}) == [
        ("NOT_FOUND", ["input", "channelId"])
    ]


async def test_a_department_that_is_deleted_at_this_very_moment(place: Place, db: Database) -> None:
    async def waits() -> bool:
        async with db.platform() as session:
            return bool(await session.scalar(text("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")))

    async with command(db, place.owner.actor) as ctx:
        await departments.delete(ctx, place.department_id, expected_version=1)
        await ctx.session.flush()
        posted = {"text": "?", "channelId": place.hangar}
        posting = asyncio.create_task(place.ines.api.refusals(POST, input=posted))
        await until(waits)
    assert await posting == [("NOT_FOUND", ["input", "channelId"])]


async def test_the_platform_posts_as_nobody(place: Place, db: Database) -> None:
    platform = Actor(place.owner.actor.org_id, None, place.owner.actor.permissions)
    await message(db, platform, "Maintenance tonight")
    found = await place.otto.api.data("{ feed { nodes { author { name } } } }")
    assert found["feed"]["nodes"] == [{"author": None}]
    assert await channels(place.otto) == {place.everybody: (0, 1)}

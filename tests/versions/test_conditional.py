"""An unchanged dashboard costs a 304 and no SQL, and is never older than what anybody was told to be done."""

import asyncio
import random
from functools import partial

import asyncpg
import pytest

from db.events.connection import libpq_url
from db.session import Database
from domain.context import Ctx
from domain.events.relay import LOCK
from domain.events.versions import VERSION
from domain.identity import departments, memberships
from domain.operations import digest
from runtime import hints
from runtime.processes import free_port
from tests.factories.events import until
from tests.factories.identity import actor, person
from tests.versions.conftest import DEPARTMENTS, Client, Pair

NESTED = """query Nested { members(first: 20) { nodes { roles user { name email departments { nodes { role
  department { name } } } } } } organization { name timeZone } viewer { name permissions } }"""


async def test_unchanged_is_304_without_sql(client: Client, pair: Pair) -> None:
    await client.create("Stores")
    for query in (DEPARTMENTS, NESTED):
        await client.settle(query=query)
        start = pair.here
        for _ in range(3):
            answer = await client.get(query=query)
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["cache-control"] == "private, no-cache"
            assert answer.headers["vary"] == "accept, accept-encoding, authorization"
            assert answer.headers["etag"].startswith('W/"v')
        assert pair.statements(start) == []


async def test_changed_is_one_statement(client: Client, own_db: Database, pair: Pair) -> None:
    made = await client.create("Stores")
    await client.settle()
    await client.rename(made, "Tool stores")
    tags = [client.kept[key].headers["etag"] for key in client.kept]

    async def numbered() -> bool:
        async with own_db.tenant(client.person.org_id) as session:
            return bool(await session.scalar(VERSION))

    await until(numbered)
    start = pair.here
    answer = await client.get()
    assert answer.status_code == 200
    assert answer.headers["etag"] not in tags
    [statement] = pair.statements(start)
    assert "event_version()" in statement
    start = pair.here
    assert (await client.get()).status_code == 304
    assert pair.statements(start) == []


async def test_ones_own_change_is_seen_at_once_everywhere(client: Client, pair: Pair) -> None:
    made = await client.create("0")
    for server in (pair.a, pair.b):
        await client.settle(server)
    for number, (writer, reader) in enumerate([(pair.a, pair.a), (pair.a, pair.b), (pair.b, pair.a)] * 10, 1):
        made = await client.rename(made, str(number), writer)
        shown = await client.shown(reader)
        assert shown["departments"]["nodes"][0]["name"] == str(number)


async def test_what_is_deleted_is_gone(client: Client, pair: Pair) -> None:
    made = await client.create("Stores")
    await client.settle(pair.b)
    await client.api.done(
        "mutation ($id: ID!) { deleteDepartment(id: $id, expectedVersion: 1) { errors { code message } } }",
        id=made["id"],
    )
    assert (await client.shown(pair.b))["departments"] == {"nodes": [], "totalCount": 0}


async def test_other_organizations_do_not_disturb(client: Client, other: Client, pair: Pair) -> None:
    await client.settle()
    for name in "abc":
        await other.create(name)
    start = pair.here
    assert (await client.get()).status_code == 304
    assert not [text for text in pair.statements(start) if "row_to_json" in text]


async def test_variables_operations_and_media_types_have_tags_of_their_own(client: Client) -> None:
    await client.create("Stores")
    document = (
        "query A($first: Int, $name: String) { departments(first: $first, where: {name: {eq: $name}}) "
        "{ nodes { name } } } query B { departments { totalCount } }"
    )
    tags = set()
    for name, variables in [
        ("A", '{"first": 1, "name": "Stores"}'),
        ("A", '{"first": 2, "name": "Stores"}'),
        ("A", '{"first": 1, "name": "stores"}'),
        ("B", "{}"),
    ]:
        await client.settle(query=document, operationName=name, variables=variables)
        tags |= {each.headers["etag"] for each in client.kept.values()}
    assert len(tags) == 4
    client.sent = {"accept": "application/graphql-response+json"}
    foreign = await client.get(query=document, operationName="B", variables="{}")
    assert foreign.status_code == 200
    assert foreign.headers["content-type"].startswith("application/graphql-response+json")


async def test_a_change_of_permissions_is_another_answer(client: Client, own_db: Database, pair: Pair) -> None:
    query = "{ viewer { permissions } departments { totalCount } }"
    member = await person(own_db, pair.settings, client.person.org_id, "OWNER")
    someone = Client(member, client.http, pair)
    await someone.settle(query=query)
    before = someone.kept.copy()
    boss = await actor(own_db, client.person)
    async with own_db.tenant(client.person.org_id, client.person.user_id) as session:
        assert member.membership_id is not None
        await memberships.change_roles(Ctx(boss, session), member.membership_id, roles=["VIEWER"], expected_version=1)

    async def told() -> bool:
        return len((await someone.shown(query=query))["viewer"]["permissions"]) < len(boss.permissions)

    await until(told)
    someone.kept |= before
    assert (await someone.get(query=query)).status_code == 200


async def test_people_do_not_share_tags(client: Client, own_db: Database, pair: Pair) -> None:
    second = Client(await person(own_db, pair.settings, client.person.org_id), client.http, pair)
    await client.settle()
    await second.settle()
    tags = {each.headers["etag"] for one in (client, second) for each in one.kept.values()}
    assert len(tags) == 2


async def test_a_persisted_query_by_its_hash(client: Client, pair: Pair) -> None:
    await client.create("Stores")
    extensions = f'{{"persistedQuery": {{"version": 1, "sha256Hash": "{digest(DEPARTMENTS)}"}}}}'
    registered = await client.get(query=DEPARTMENTS, extensions=extensions)
    assert registered.status_code == 200
    await client.settle(query="", extensions=extensions)
    start = pair.here
    assert (await client.get(query="", extensions=extensions)).status_code == 304
    assert pair.statements(start) == []
    await client.create("Tools")
    assert (await client.shown(query="", extensions=extensions))["departments"]["totalCount"] == 2


async def test_a_commit_of_somebody_without_redis_is_heard(client: Client, own_db: Database, pair: Pair) -> None:
    """The command line, and a worker or server that cannot reach Redis."""
    await client.settle()
    boss = await actor(own_db, client.person)
    for known in range(1, 4):
        async with own_db.tenant(client.person.org_id) as session:
            await departments.create(Ctx(boss, session), name=f"From the shell {known}")

        async def seen(count: int = known) -> bool:
            return bool((await client.shown())["departments"]["totalCount"] == count)

        await until(seen)
        await client.settle()


async def test_a_worker_is_heard_before_it_goes_on(client: Client, own_db: Database, pair: Pair) -> None:
    redis = hints.connect(pair.valkey.url)
    own_db.announce = partial(hints.commits, redis)  # as the worker's service does
    boss = await actor(own_db, client.person)
    for count in range(1, 6):
        for server in (pair.a, pair.b):
            await client.settle(server)
        async with own_db.tenant(client.person.org_id) as session:
            await departments.create(Ctx(boss, session), name=f"By a job {count}")
        for server in (pair.a, pair.b):
            assert (await client.shown(server))["departments"]["totalCount"] == count
    await redis.aclose()


async def test_who_loses_redis_uses_the_database(client: Client, own_db: Database, pair: Pair) -> None:
    """While the others still hear Redis, and nothing of this."""
    redis = hints.connect(f"redis://127.0.0.1:{free_port()}/0")
    own_db.announce = partial(hints.commits, redis)
    boss = await actor(own_db, client.person)
    await client.settle(pair.b)
    async with own_db.tenant(client.person.org_id) as session:
        await departments.create(Ctx(boss, session), name="Cut off")

    async def seen() -> bool:
        return bool((await client.shown(pair.b))["departments"]["totalCount"] == 1)

    await until(seen)
    await redis.aclose()


async def test_without_the_relay_nothing_is_confirmed_from_memory(client: Client, pair: Pair) -> None:
    """Its lock is taken, as if the relay had stopped right after it let go of the transaction before."""
    made = await client.create("0")
    await client.settle(pair.b)
    connection = await asyncpg.connect(libpq_url(pair.settings.database_url))
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        for number in range(1, 6):
            made = await client.rename(made, str(number))
            assert (await client.shown(pair.b))["departments"]["nodes"][0]["name"] == str(number)
            again = await client.get(pair.b)  # its event has no number, so only the bytes can be compared
            assert again.status_code == 304
            assert not again.headers["etag"].startswith('W/"v')
    finally:
        await connection.close()
    await client.settle(pair.b)


async def test_valkey_gone_and_back(client: Client, pair: Pair) -> None:
    made = await client.create("0")
    await client.settle(pair.b)
    await asyncio.to_thread(pair.valkey.stop)
    for number in range(1, 6):
        made = await client.rename(made, str(number))
        assert (await client.shown(pair.b))["departments"]["nodes"][0]["name"] == str(number)
        start = pair.here
        await client.get(pair.b)
        assert [text for text in pair.statements(start) if "event_version()" in text]
    pair.valkey.start()

    async def from_memory() -> bool:
        await client.settle(pair.b)
        start = pair.here
        await client.get(pair.b)
        return not pair.statements(start)

    await until(from_memory)
    made = await client.rename(made, "back")
    assert (await client.shown(pair.b))["departments"]["nodes"][0]["name"] == "back"


async def test_another_epoch_is_another_answer(client: Client, pair: Pair) -> None:
    await client.settle(pair.b)
    [before] = client.kept.values()
    connection = await asyncpg.connect(libpq_url(pair.settings.database_url))
    await connection.execute("SELECT event_epoch_renew()")
    await connection.close()

    async def noticed() -> bool:
        return (await client.get(pair.b)).status_code == 200

    await until(noticed)
    [after] = client.kept.values()
    assert after.headers["etag"] != before.headers["etag"]
    assert after.json() == before.json()


async def test_a_change_of_a_person_is_seen_in_all_their_organizations(
    client: Client, other: Client, own_db: Database, pair: Pair
) -> None:
    """Also by who was a member once: history names them."""
    query = "{ members { nodes { user { name } } } }"
    pat = await person(own_db, pair.settings, client.person.org_id)
    bosses = [await actor(own_db, each.person) for each in (client, other)]
    async with own_db.tenant(other.person.org_id, other.person.user_id) as session:
        ctx = Ctx(bosses[1], session)
        membership = await memberships.add(ctx, email=pat.email, name="Pat", roles=["VIEWER"], send_mail=False)
        await session.flush()
        await memberships.remove(ctx, membership, expected_version=1)
    for each in (client, other):
        await each.settle(pair.b, query)
    renamed = await Client(pat, client.http, pair).api.done(
        'mutation { updateProfile(input: {expectedVersion: 1, name: "Renamed"}) { user { name } errors { code } } }'
    )
    assert renamed["user"] == {"name": "Renamed"}
    for each in (client, other):
        people = (await each.shown(pair.b, query))["members"]["nodes"]
        assert "Renamed" in [found["user"]["name"] for found in people]
    for each in (client, other):
        await _numbered(each)
        found = await each.api.data(
            '{ events(first: 1, where: {type: {eq: "user.updated"}}) { nodes { before after actor { name } } } }'
        )
        [event] = found["events"]["nodes"]
        assert event == {"before": {"name": "Pat Doe"}, "after": {"name": "Renamed"}, "actor": {"name": "Renamed"}}


async def _numbered(each: Client) -> None:
    query = '{ events(where: {type: {eq: "user.updated"}}) { totalCount } }'

    async def there() -> bool:
        return bool((await each.api.data(query))["events"]["totalCount"])

    await until(there)


async def test_what_events_do_not_cover_is_read_each_time(client: Client, pair: Pair) -> None:
    for query in (
        "{ organizations { nodes { name } } }",
        "{ viewer { isSuperuser } }",
        "{ viewer { sessions { nodes { id } } } }",
        "{ viewer { organizations { nodes { name } } } }",
        "{ organization { plan } }",
    ):
        for _ in range(2):
            start = pair.here
            answer = await client.get(query=query)
            assert not answer.headers["etag"].startswith('W/"v')
            assert len(pair.statements(start)) >= 1
        assert answer.status_code == 304


async def test_a_guest_superuser_gets_no_versions(client: Client, own_db: Database, pair: Pair) -> None:
    """Their own name changes outside the organization that they look at."""
    guest = await person(own_db, pair.settings, client.person.org_id, member=False, is_superuser=True)
    answer = await Client(guest, client.http, pair).get(query="{ viewer { name } departments { totalCount } }")
    assert answer.status_code == 200
    assert not answer.headers["etag"].startswith('W/"v')


async def test_a_304_costs_a_point(client: Client, pair: Pair) -> None:
    """And is refused like everything else when nothing is left."""
    await client.settle()
    throttle = pair.a.app.platform.engine.throttle
    account = next(each for key, each in throttle._accounts.items() if key[1] == str(client.person.user_id))
    before = account.lease.left
    assert (await client.get()).status_code == 304
    assert before - account.lease.left == 1


@pytest.mark.parametrize("seed", range(3))
async def test_nobody_ever_sees_less_than_was_acknowledged(
    client: Client, own_db: Database, pair: Pair, seed: int
) -> None:
    """Four people write through two processes and read through both, each with a cache of their own."""
    chance = random.Random(seed)
    acknowledged: dict[str, int] = {}
    unchanged = 0

    async def busy(number: int) -> None:
        nonlocal unchanged
        someone = Client(await person(own_db, pair.settings, client.person.org_id), client.http, pair)
        made = await someone.create(f"{number}:0")
        for step in range(1, 40):
            writer, reader = (chance.choice([pair.a, pair.b]) for _ in range(2))
            if chance.random() < 0.3:
                made = await someone.rename(made, f"{number}:{step}", writer)
                acknowledged[str(number)] = step
            least = acknowledged.copy()
            shown = await someone.shown(reader)
            seen = dict(node["name"].split(":") for node in shown["departments"]["nodes"])
            for who, what in least.items():
                assert int(seen[who]) >= what, (number, step, who)
            unchanged += (await someone.get(reader)).status_code == 304

    await asyncio.gather(*(busy(number) for number in range(4)))
    assert unchanged > 0

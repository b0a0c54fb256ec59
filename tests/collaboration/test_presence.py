"""Presence over HTTP: signs of life, silence, and what they cost."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from db.collaboration.presence import PresenceState
from db.session import Database
from domain.collaboration import presence
from graph.core import ids
from runtime.settings import Settings
from tests.collaboration.conftest import Place, Someone
from tests.factories import identity
from tests.factories.events import until
from tests.factories.fleet import command, count_events, events_of
from workers.collaboration.presence import once, run

REPORT = """mutation ($state: PresenceState!) { reportPresence(state: $state) {
  presence { id state since user { id } } cursor errors { code } } }"""
LIST = "{ presences { totalCount nodes { state user { id } } } }"


async def report(who: Someone, state: str) -> dict[str, Any]:
    return dict((await who.api.done(REPORT, state=state))["presence"])


async def shown(who: Someone) -> dict[str, str]:
    """The state of everybody who has one, by id."""
    nodes = (await who.api.data(LIST))["presences"]["nodes"]
    return {node["user"]["id"]: node["state"] for node in nodes}


async def rows(db: Database, who: Someone) -> list[str]:
    """The versions of the rows that a person's presence is made of, as PostgreSQL tells them apart."""
    query = """SELECT concat(xmin, xmax, ctid) FROM presences WHERE org_id = :org AND user_id = :user
        UNION ALL SELECT concat(xmin, xmax, ctid) FROM presence_beats WHERE org_id = :org AND user_id = :user"""
    async with db.tenant(who.actor.org_id, who.actor.user_id) as session:
        found = await session.scalars(text(query), {"org": who.actor.org_id, "user": who.actor.user_id})
        return sorted(found)


def user(who: Someone) -> str:
    return f"usr_{who.actor.user_id}"


async def test_coming_idling_and_going(place: Place, db: Database) -> None:
    assert (await place.otto.api.data(LIST))["presences"]["totalCount"] == 0
    made = await report(place.ines, "ACTIVE")
    assert (made["state"], made["user"]) == ("ACTIVE", {"id": user(place.ines)})
    idle = await report(place.ines, "IDLE")
    assert (idle["id"], idle["state"]) == (made["id"], "IDLE")
    assert idle["since"] > made["since"]
    await report(place.owner, "ACTIVE")
    assert await shown(place.otto) == {user(place.ines): "IDLE", user(place.owner): "ACTIVE"}
    assert (await report(place.ines, "OFFLINE"))["state"] == "OFFLINE"
    events = await events_of(db, ids.decode("prs", made["id"]))
    assert [(event.type, event.before, event.after) for event in events] == [
        ("presence.changed", {"state": "OFFLINE"}, {"state": "ACTIVE"}),
        ("presence.changed", {"state": "ACTIVE"}, {"state": "IDLE"}),
        ("presence.changed", {"state": "IDLE"}, {"state": "OFFLINE"}),
    ]


async def test_a_repeated_sign_of_life_writes_nothing(place: Place, db: Database, settings: Settings) -> None:
    await report(place.ines, "ACTIVE")
    before = await rows(db, place.ines), await count_events(db, place.ines.actor.org_id)
    for _ in range(3):
        await report(place.ines, "ACTIVE")
    assert (await rows(db, place.ines), await count_events(db, place.ines.actor.org_id)) == before
    # An old one is renewed, by one small row and without an event.
    timeouts = presence.timeouts_of(settings)
    async with command(db, place.ines.actor, now=datetime.now(UTC) + timeouts.renewal) as ctx:
        await presence.report(ctx, state=PresenceState.ACTIVE, timeouts=timeouts)
    after = await rows(db, place.ines)
    assert len(set(after) & set(before[0])) == 1
    assert await count_events(db, place.ines.actor.org_id) == before[1]


async def test_the_liveliest_session_counts(place: Place, db: Database, settings: Settings) -> None:
    await report(place.ines, "IDLE")
    _, phone = await identity.signed_in(db, settings, place.ines.actor.org_id, place.ines.person.user_id)
    with_phone = Someone(place.ines.person, place.ines.actor, place.ines.api.as_(phone))
    assert (await report(with_phone, "ACTIVE"))["state"] == "ACTIVE"
    assert (await report(place.ines, "IDLE"))["state"] == "ACTIVE"
    assert (await report(with_phone, "OFFLINE"))["state"] == "IDLE"
    assert (await report(place.ines, "OFFLINE"))["state"] == "OFFLINE"


async def test_silence_is_noticed_by_the_sweep(place: Place, db: Database, settings: Settings) -> None:
    timeouts = presence.timeouts_of(settings)
    # Later than any grace that a server of the tests, which may have started just now, gives.
    begin = datetime.now(UTC) + timeouts.offline

    async def reports(who: Someone, state: PresenceState, after: timedelta = timedelta()) -> UUID:
        async with command(db, who.actor, now=begin + after) as ctx:
            return await presence.report(ctx, state=state, timeouts=timeouts)

    async def sweep(after: timedelta) -> dict[str, str]:
        await once(db, timeouts, begin + after)
        return await shown(place.owner)

    made = await reports(place.ines, PresenceState.ACTIVE)
    await reports(place.otto, PresenceState.IDLE)
    ines, otto = user(place.ines), user(place.otto)
    assert await sweep(timeouts.idle / 2) == {ines: "ACTIVE", otto: "IDLE"}
    assert await sweep(timeouts.idle) == {ines: "IDLE", otto: "IDLE"}
    await reports(place.otto, PresenceState.ACTIVE, timeouts.idle)
    assert await sweep(timeouts.offline) == {ines: "OFFLINE", otto: "IDLE"}
    assert await sweep(timeouts.offline + timeouts.idle) == {ines: "OFFLINE", otto: "OFFLINE"}
    events = await events_of(db, made)
    assert [event.after["state"] for event in events] == ["ACTIVE", "IDLE", "OFFLINE"]
    assert events[-1].actor_id is None
    count = await count_events(db, place.owner.actor.org_id)
    assert await sweep(2 * timeouts.offline) == {ines: "OFFLINE", otto: "OFFLINE"}
    assert await count_events(db, place.owner.actor.org_id) == count
    assert (await report(place.ines, "ACTIVE"))["state"] == "ACTIVE"


async def test_a_worker_sweeps(place: Place, db: Database, settings: Settings) -> None:
    timeouts = presence.timeouts_of(settings)
    async with command(db, place.ines.actor, now=datetime.now(UTC) - timeouts.offline) as ctx:
        await presence.report(ctx, state=PresenceState.ACTIVE, timeouts=timeouts)
    # A grace so short that the server's age does not matter; a beat so old that it is silence under it too.
    quick = settings.model_copy(
        update={"presence_idle_seconds": 0.01, "presence_offline_seconds": 0.02, "presence_sweep_seconds": 0.02}
    )
    working = asyncio.create_task(run(db, quick))

    async def gone() -> bool:
        return (await shown(place.owner))[user(place.ines)] == "OFFLINE"

    await until(gone)
    working.cancel()


async def test_nobody_goes_because_the_database_was_gone(place: Place, db: Database, settings: Settings) -> None:
    await report(place.ines, "ACTIVE")
    async with db.platform() as session:
        started = await session.scalar(text("SELECT pg_postmaster_start_time()"))
    # As after a crash: the beats are empty, and PostgreSQL has just come up.
    async with command(db, place.owner.actor) as ctx:
        await ctx.session.execute(text("DELETE FROM presence_beats WHERE org_id = :org"), {"org": ctx.actor.org_id})
    timeouts = presence.timeouts_of(settings)
    assert await once(db, timeouts, started + timeouts.offline / 2) == 0
    assert await shown(place.owner) == {user(place.ines): "ACTIVE"}
    await once(db, timeouts, started + timeouts.offline)
    assert await shown(place.owner) == {user(place.ines): "OFFLINE"}


async def test_who_may_see_who_is_there(place: Place, db: Database, settings: Settings) -> None:
    await report(place.ines, "ACTIVE")
    client = await identity.person(db, settings, place.owner.actor.org_id, "CLIENT")
    api = place.owner.api.as_(client.token)
    assert await api.code(LIST) == "FORBIDDEN"
    assert await api.code(REPORT, state="ACTIVE") == "FORBIDDEN"
    stranger = place.owner.api.as_((await identity.owner(db, settings)).token)
    assert (await stranger.data(LIST))["presences"]["totalCount"] == 0

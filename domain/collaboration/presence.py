"""Presence: sessions report signs of life, silence is noticed by a sweep, and only a person's change is an event."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import case, delete, exists, func, literal, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from db.collaboration.presence import Presence, PresenceBeat, PresenceState
from domain.collaboration.rules.presence import Beat, Timeouts, of_person
from domain.context import Actor, Ctx
from domain.entities import change
from domain.errors import ForbiddenError
from runtime.settings import Settings

PREFIX = "prs"
Person: TypeAlias = tuple[UUID, UUID]  # organization and user
BATCH = 1_000


def timeouts_of(settings: Settings) -> Timeouts:
    return Timeouts(
        timedelta(seconds=settings.presence_idle_seconds), timedelta(seconds=settings.presence_offline_seconds)
    )


async def report(ctx: Ctx, *, state: PresenceState, timeouts: Timeouts) -> UUID:
    """A sign of life of the actor's session. Writes nothing when the last one is young and said the same."""
    user_id = ctx.actor.user_id
    if user_id is None:
        raise ForbiddenError("Only a person is present.")
    mine = (ctx.actor.org_id, user_id)
    session_id = ctx.actor.session_id or user_id  # who acts without one (an API key) is one session
    beats = (await _beats(ctx.session, [mine]))[mine]
    last = beats.get(session_id, Beat(PresenceState.OFFLINE, ctx.now))
    if state is not last.state or (state is not PresenceState.OFFLINE and ctx.now - last.seen_at >= timeouts.renewal):
        await _beat(ctx, mine, session_id, state)
        beats[session_id] = Beat(state, ctx.now)
    found = await _presence(ctx, user_id)
    if found is None or found.state != of_person(beats.values(), ctx.now, timeouts):
        found = await _locked(ctx, user_id)
        # Read again: other sessions may have said something while this one waited.
        await _change(ctx, found, (await _beats(ctx.session, [mine]))[mine].values(), timeouts)
    return found.id


async def _beat(ctx: Ctx, mine: Person, session_id: UUID, state: PresenceState) -> None:
    if state is PresenceState.OFFLINE:
        await ctx.session.execute(
            delete(PresenceBeat).where(
                tuple_(PresenceBeat.org_id, PresenceBeat.user_id) == mine, PresenceBeat.session_id == session_id
            )
        )
        return
    beat = insert(PresenceBeat).values(
        org_id=mine[0], user_id=mine[1], session_id=session_id, state=state.value, seen_at=ctx.now
    )
    key = [PresenceBeat.org_id, PresenceBeat.user_id, PresenceBeat.session_id]
    said = {"state": beat.excluded.state, "seen_at": beat.excluded.seen_at}
    await ctx.session.execute(beat.on_conflict_do_update(index_elements=key, set_=said))


async def _beats(session: AsyncSession, people: Collection[Person]) -> Mapping[Person, dict[UUID, Beat]]:
    """The last signs of life of people, by session."""
    rows = await session.execute(
        select(
            PresenceBeat.org_id, PresenceBeat.user_id, PresenceBeat.session_id, PresenceBeat.state, PresenceBeat.seen_at
        ).where(tuple_(PresenceBeat.org_id, PresenceBeat.user_id).in_(people))
    )
    found = defaultdict[Person, dict[UUID, Beat]](dict)
    for row in rows:
        found[row.org_id, row.user_id][row.session_id] = Beat(PresenceState(row.state), row.seen_at)
    return found


async def _presence(ctx: Ctx, user_id: UUID) -> Presence | None:
    found: Presence | None = await ctx.session.scalar(
        select(Presence).where(Presence.org_id == ctx.actor.org_id, Presence.user_id == user_id)
    )
    return found


async def _locked(ctx: Ctx, user_id: UUID) -> Presence:
    """The person's row, made now when they report for the first time."""
    first = insert(Presence).values(
        org_id=ctx.actor.org_id, id=uuid7(), user_id=user_id, state=PresenceState.OFFLINE.value, since=ctx.now
    )
    await ctx.session.execute(first.on_conflict_do_nothing(index_elements=[Presence.org_id, Presence.user_id]))
    return (
        await ctx.session.scalars(
            select(Presence)
            .where(Presence.org_id == ctx.actor.org_id, Presence.user_id == user_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).one()


async def _change(ctx: Ctx, found: Presence, beats: Iterable[Beat], timeouts: Timeouts) -> bool:
    """Bring a locked row in line with the person's signs of life, and record it when that changes it."""
    before, after = change(found, state=of_person(beats, ctx.now, timeouts).value)
    if after:
        found.since = ctx.now
        await ctx.session.flush()
        ctx.record("presence.changed", PREFIX, found.id, before=before, after=after)
    return bool(after)


async def sweep(session: AsyncSession, now: datetime, timeouts: Timeouts) -> int:
    """Change those who have been silent for too long, at most BATCH at once; returns how many. Needs the system role.

    Rows that another sweep holds are its business.
    """
    if now - (await session.scalars(select(func.pg_postmaster_start_time()))).one() < timeouts.offline:
        return 0  # a crash empties the beats; nobody is gone only because PostgreSQL was
    # Who is active needs a young active beat to stay so, who is idle any beat: whoever has none changes.
    oldest = case((Presence.state == PresenceState.ACTIVE, now - timeouts.idle), else_=literal(now - timeouts.offline))
    lively = exists().where(
        PresenceBeat.org_id == Presence.org_id,
        PresenceBeat.user_id == Presence.user_id,
        PresenceBeat.seen_at > oldest,
        or_(Presence.state != PresenceState.ACTIVE, PresenceBeat.state == PresenceState.ACTIVE),
    )
    silent = (
        select(Presence)
        .where(Presence.state != PresenceState.OFFLINE, ~lively)
        .order_by(Presence.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    rows = (await session.scalars(silent)).all()
    beats = await _beats(session, [(row.org_id, row.user_id) for row in rows])
    changed = 0
    for row in rows:
        # Nobody acted: the actor of these events is the platform.
        ctx = Ctx(Actor(row.org_id, None, frozenset()), session, now)
        changed += await _change(ctx, row, beats[row.org_id, row.user_id].values(), timeouts)
    await session.execute(delete(PresenceBeat).where(PresenceBeat.seen_at <= now - timeouts.offline))
    return changed

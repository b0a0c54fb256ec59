"""Telling people what happened: follows each organization's log and makes notifications of it.

Which event of an organization was the last is kept in its `notification_positions` row, and raised in the transaction
that makes the notifications. So an outage, a crash or a second worker at the same time skips nothing and tells
nothing twice. What people get is itself an event, so that whoever listens hears of it and can resume.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from db.collaboration.notifications import NotificationPreference
from db.events.jobs import Job
from db.session import Database
from domain.collaboration import facts
from domain.collaboration.rules.notifications import (
    IN_APP,
    MAIL,
    RULES,
    Facts,
    Happening,
    Notice,
    notice,
    notice_id,
    wanted,
)
from domain.context import Actor, Ctx
from runtime.logging import get_logger

log = get_logger(__name__)

SENT = "notification.sent"
MAIL_JOB = "collaboration.notification_mail"
PAGE = 500
NAMED_AT_ONCE = 1000  # people in one event

BEHIND = text("""
    SELECT h.org_id FROM event_heads h LEFT JOIN notification_positions p ON p.org_id = h.org_id
    WHERE h.seq > coalesce(p.seq, 0)
""")
BEGIN = text("INSERT INTO notification_positions (org_id, seq) VALUES (:org_id, 0) ON CONFLICT DO NOTHING")
POSITION = text("SELECT seq FROM notification_positions WHERE org_id = :org_id FOR UPDATE SKIP LOCKED")
RAISE = text("UPDATE notification_positions SET seq = :seq WHERE org_id = :org_id")
HEAD = text("SELECT seq FROM event_heads WHERE org_id = :org_id")
READ = text("""
    SELECT seq, id, type, target_type, target_id, actor_id, impersonator_id, before::text AS before,
           after::text AS after, occurred_at
    FROM event_log WHERE org_id = :org_id AND seq > :after AND seq <= :until AND type = ANY(:types)
    ORDER BY seq
""")
INSERT = text("""
    INSERT INTO notifications (org_id, id, user_id, event_id, sequence, kind, text, target_type, target_id, actor_id,
                               occurred_at, in_app)
    SELECT CAST(:org_id AS uuid), n.id, n.user_id, CAST(:event_id AS uuid), CAST(:sequence AS bigint),
           CAST(:kind AS text), CAST(:text AS text), CAST(:target_type AS text), CAST(:target_id AS uuid),
           CAST(:actor_id AS uuid), CAST(:occurred_at AS timestamptz), n.in_app
    FROM unnest(CAST(:ids AS uuid[]), CAST(:people AS uuid[]), CAST(:in_app AS boolean[])) AS n (id, user_id, in_app)
    ON CONFLICT DO NOTHING
    RETURNING user_id
""")
ASK_FOR_MAIL = text("""
    INSERT INTO notification_mails (org_id, id) SELECT CAST(:org_id AS uuid), unnest(CAST(:ids AS uuid[]))
""")


@dataclass(frozen=True)
class Progress:
    """One page of an organization's log. `more`: there is another one; `told`: how many notifications were made."""

    more: bool
    told: int


@dataclass(frozen=True)
class _Event:
    """An event with what a notification keeps of it."""

    seq: int
    id: UUID
    target_type: str
    occurred_at: datetime
    happening: Happening


async def behind(db: Database) -> list[UUID]:
    """The organizations with events that nobody looked at yet."""
    async with db.platform() as session:
        return list(await session.scalars(BEHIND))


async def tell(db: Database, org_id: UUID, *, page: int = PAGE) -> Progress:
    """Look at the next `page` events of an organization and tell people what concerns them, in one transaction.
    While another worker does that, nothing."""
    async with db.tenant(org_id) as session:
        await session.execute(BEGIN, {"org_id": org_id})
        position = await session.scalar(POSITION, {"org_id": org_id})
        head = await session.scalar(HEAD, {"org_id": org_id}) or 0
        if position is None or position >= head:
            return Progress(more=False, told=0)
        # Events get their numbers and the head its own in one transaction: up to the head, none is still to come.
        until = min(position + page, head)
        scope = {"org_id": org_id, "after": position, "until": until, "types": list(RULES)}
        events = [_event(row) for row in await session.execute(READ, scope)]
        told = 0
        if events:
            known = await facts.gather(db, session, org_id, [event.happening for event in events])
            told = await _tell(session, org_id, events, known)
        await session.execute(RAISE, {"org_id": org_id, "seq": until})
    return Progress(more=until < head, told=told)


def concerns(after: str | None, user_id: UUID) -> bool:
    """Whether an event SENT, with this `after`, gave the person a notification in the app."""
    return after is not None and str(user_id) in _named(after)


@lru_cache(maxsize=256)
def _named(after: str) -> frozenset[str]:
    return frozenset(orjson.loads(after)["in_app"])


def _event(row: Any) -> _Event:
    return _Event(
        row.seq,
        row.id,
        row.target_type,
        row.occurred_at,
        Happening(
            row.type,
            row.target_id,
            row.actor_id,
            row.impersonator_id is not None,
            orjson.loads(row.before) if row.before else {},
            orjson.loads(row.after) if row.after else {},
        ),
    )


async def _tell(session: AsyncSession, org_id: UUID, events: Sequence[_Event], known: Facts) -> int:
    notices = [(event, found) for event in events if (found := _notice(event, known))]
    said = await _preferences(session, org_id, {person for _, found in notices for person in found.people})
    ctx = Ctx(Actor(org_id, None, frozenset()), session)
    told = 0
    for event, found in notices:
        everybody = sorted(found.people)
        for start in range(0, len(everybody), NAMED_AT_ONCE):
            told += await _tell_people(ctx, event, found, everybody[start : start + NAMED_AT_ONCE], said)
    return told


def _notice(event: _Event, known: Facts) -> Notice | None:
    """An event that a rule cannot read is left out: it must not keep people from hearing of the others."""
    try:
        return notice(event.happening, known)
    except Exception:
        log.exception("nobody told of an event", event_id=str(event.id), type=event.happening.type)
        return None


async def _preferences(
    session: AsyncSession, org_id: UUID, people: Iterable[UUID]
) -> dict[UUID, dict[tuple[str, str], bool]]:
    rows = await session.scalars(
        select(NotificationPreference).where(
            NotificationPreference.org_id == org_id, NotificationPreference.user_id.in_(people)
        )
    )
    said: dict[UUID, dict[tuple[str, str], bool]] = {}
    for row in rows:
        said.setdefault(row.user_id, {})[row.kind, row.channel] = row.enabled
    return said


async def _tell_people(
    ctx: Ctx, event: _Event, found: Notice, people: Sequence[UUID], said: dict[UUID, dict[tuple[str, str], bool]]
) -> int:
    in_app = {person for person in people if wanted(found.kind, IN_APP, said.get(person))}
    mailed = {person for person in people if found.mail and wanted(found.kind, MAIL, said.get(person))}
    told = sorted(in_app | mailed)
    values = {
        "org_id": ctx.actor.org_id,
        "event_id": event.id,
        "sequence": event.seq,
        "kind": found.kind,
        "text": found.text,
        "target_type": event.target_type,
        "target_id": event.happening.target_id,
        "actor_id": event.happening.actor_id,
        "occurred_at": event.occurred_at,
        "ids": [notice_id(event.id, person) for person in told],
        "people": told,
        "in_app": [person in in_app for person in told],
    }
    made = set(await ctx.session.scalars(INSERT, values)) if told else set()
    if not made:
        return 0
    if mails := [notice_id(event.id, person) for person in sorted(mailed & made)]:
        await ctx.session.execute(ASK_FOR_MAIL, {"org_id": ctx.actor.org_id, "ids": mails})
    ctx.session.add_all(
        Job(id=id, org_id=ctx.actor.org_id, kind=MAIL_JOB, arguments={"id": str(id)}, run_after=ctx.now) for id in mails
    )
    named = {"in_app": in_app & made, "mail": mailed & made}
    after = {"kind": found.kind} | {name: sorted(map(str, those)) for name, those in named.items()}
    ctx.record(SENT, "ev", event.id, after=after)
    return len(made)

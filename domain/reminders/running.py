"""Sending what the rules say, in every organization, any number of times: each step goes out once.

What went out is a row whose unique key decides between two runners at once, written in the transaction of the event
that people are told of (`domain.collaboration.rules.notifications`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import import_module
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from db import bulk
from db.identity.departments import DepartmentMembership, DepartmentRole
from db.identity.memberships import Membership, MembershipState
from db.identity.organizations import Organization
from db.identity.roles import Role
from db.identity.users import User
from db.quality.reminders import ReminderSent
from db.session import Database
from domain.context import Actor, Ctx
from domain.errors import NotFoundError
from domain.fleet.rules.utilisation import local_date
from domain.identity.rules.roles import ACCOUNTABLE_MANAGER, OWNER, permissions_of
from domain.reminders.rules import Key, Reminder, Staff, is_escalation, people, sentence, step
from runtime.logging import get_logger

log = get_logger(__name__)

# Rooms that have things that are due: `due(session, today)` in their `reminders`.
ROOMS = ("workforce", "maintenance", "quality")
DUE, ESCALATED = "reminder.due", "reminder.escalated"


@dataclass(frozen=True)
class Outgoing:
    """A step that goes out, or would: in which organization, of what, in which words and to whom."""

    organization: str
    reminder: Reminder
    step: int
    text: str
    people: tuple[UUID, ...]
    names: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "organization": self.organization,
            "rule": self.reminder.rule,
            "subject": f"{self.reminder.subject_type}_{self.reminder.subject_id}",
            "dueOn": self.reminder.due_on.isoformat(),
            "step": self.step,
            "text": self.text,
            "people": list(self.names),
        }


async def run(
    db: Database, *, now: datetime | None = None, slug: str | None = None, dry_run: bool = False
) -> list[Outgoing]:
    """Send what is to go out by `now`, or with `dry_run` only say so. One organization's trouble does not keep the
    others from being reminded."""
    now = now or datetime.now(UTC)
    found = []
    for organization in await _organizations(db, slug):
        try:
            found += await run_in(db, organization.id, now=now, dry_run=dry_run)
        except Exception:
            if slug is not None:
                raise
            log.exception("reminders of an organization failed", org_id=str(organization.id))
    return found


async def run_in(db: Database, org_id: UUID, *, now: datetime, dry_run: bool = False) -> list[Outgoing]:
    """As `run`, in one organization, in one transaction."""
    async with db.tenant(org_id) as session:
        organization = (await session.scalars(select(Organization).where(Organization.id == org_id))).one()
        today = local_date(now, organization.time_zone)
        due = [each for room in ROOMS for each in await import_module(f"domain.{room}.reminders").due(session, today)]
        sent = await _sent(session, org_id, due)
        steps = [(each, at) for each in due if (at := step(each, today, sent.get(each.key))) is not None]
        if not steps:
            return []
        staff, names = await _staff(session, org_id)
        outgoing = list(_addressed(organization.slug, steps, staff, names, today))
        return outgoing if dry_run else await _send(session, org_id, outgoing, now)


async def _organizations(db: Database, slug: str | None) -> Sequence[Any]:
    query = select(Organization.id, Organization.slug).where(Organization.is_platform.is_(False))
    async with db.platform() as session:
        if slug is not None:
            query = query.where(Organization.slug == slug)
        found = (await session.execute(query.order_by(Organization.slug))).all()
    if slug is not None and not found:
        raise NotFoundError(f"There is no organization '{slug}'.")
    return found


async def _sent(session: AsyncSession, org_id: UUID, due: Iterable[Reminder]) -> dict[Key, int]:
    """The latest step that went out for each."""
    row = ReminderSent
    found = await session.execute(
        select(row.rule, row.subject_id, row.occurrence, func.max(row.step))
        .where(row.org_id == org_id, row.subject_id.in_({each.subject_id for each in due}))
        .group_by(row.rule, row.subject_id, row.occurrence)
    )
    return {(rule, subject_id, occurrence): latest for rule, subject_id, occurrence, latest in found}


async def _staff(session: AsyncSession, org_id: UUID) -> tuple[Staff, dict[UUID, str]]:
    """The active members, and what they are called."""
    roles = await session.execute(select(Role.key, Role.permissions).where(Role.org_id == org_id))
    custom = {row.key: row.permissions for row in roles}
    rows = (
        await session.execute(
            select(Membership.user_id, Membership.roles, User.name)
            .join(User, User.id == Membership.user_id)
            .where(Membership.org_id == org_id, Membership.state == MembershipState.ACTIVE)
        )
    ).all()
    holders: dict[str, set[UUID]] = {}
    by_role: dict[str, set[UUID]] = {}
    for row in rows:
        for permission in permissions_of(row.roles, custom):
            holders.setdefault(permission, set()).add(row.user_id)
        for role in row.roles:
            by_role.setdefault(role, set()).add(row.user_id)
    leads, departments = await _departments(session, org_id)
    staff = Staff(
        members=frozenset(row.user_id for row in rows),
        leads=leads,
        departments=departments,
        managers=frozenset(by_role.get(ACCOUNTABLE_MANAGER) or by_role.get(OWNER) or ()),
        holders={permission: frozenset(those) for permission, those in holders.items()},
    )
    return staff, {row.user_id: row.name for row in rows}


async def _departments(
    session: AsyncSession, org_id: UUID
) -> tuple[dict[UUID, frozenset[UUID]], dict[UUID, frozenset[UUID]]]:
    """Who leads each department, and where each person works."""
    place = DepartmentMembership
    rows = await session.execute(
        select(place.department_id, place.user_id, place.role).where(
            place.org_id == org_id, place.role.in_((DepartmentRole.LEAD, DepartmentRole.MEMBER))
        )
    )
    leads: dict[UUID, set[UUID]] = {}
    departments: dict[UUID, set[UUID]] = {}
    for department_id, user_id, role in rows:
        departments.setdefault(user_id, set()).add(department_id)
        if role == DepartmentRole.LEAD:
            leads.setdefault(department_id, set()).add(user_id)
    return _frozen(leads), _frozen(departments)


def _frozen(groups: dict[UUID, set[UUID]]) -> dict[UUID, frozenset[UUID]]:
    return {key: frozenset(members) for key, members in groups.items()}


def _addressed(
    slug: str, steps: Iterable[tuple[Reminder, int]], staff: Staff, names: dict[UUID, str], today: date
) -> Iterable[Outgoing]:
    for reminder, at in steps:
        if whom := tuple(sorted(people(reminder, at, staff))):
            yield Outgoing(slug, reminder, at, sentence(reminder, today), whom, tuple(names[each] for each in whom))


async def _send(session: AsyncSession, org_id: UUID, outgoing: Sequence[Outgoing], now: datetime) -> list[Outgoing]:
    """Those that nobody else sent meanwhile."""
    by_id = {uuid7(): each for each in outgoing}
    rows = [
        {
            "org_id": org_id,
            "id": id,
            "rule": each.reminder.rule.value,
            "subject_type": each.reminder.subject_type,
            "subject_id": each.reminder.subject_id,
            "occurrence": each.reminder.key[2],
            "due_on": each.reminder.due_on,
            "step": each.step,
            "text": each.text,
            "people": list(each.people),
            "sent_at": now,
        }
        for id, each in by_id.items()
    ]
    made = await bulk.insert_new(session, cast(Table, ReminderSent.__table__), rows)
    ctx = Ctx(Actor(org_id, None, frozenset()), session, now)
    for id in (id for id in by_id if id in made):
        each = by_id[id]
        after = {
            "rule": each.reminder.rule.value,
            "due_on": each.reminder.due_on.isoformat(),
            "step": each.step,
            "text": each.text,
            "people": [str(person) for person in each.people],
        }
        event = ESCALATED if is_escalation(each.step) else DUE
        ctx.record(event, each.reminder.subject_type, each.reminder.subject_id, after=after)
    return [each for id, each in by_id.items() if id in made]

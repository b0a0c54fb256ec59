"""What the rules of notifications need to know beside the events: read for a page of events at once."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from db.fleet.aircraft import Aircraft
from db.fleet.utilisation import UtilisationEntry
from db.identity.departments import Department, DepartmentMembership
from db.identity.memberships import Membership, MembershipState
from db.identity.organizations import Organization
from db.identity.roles import Role
from db.identity.users import User
from db.session import Database
from domain.collaboration.rules.notifications import Facts, Happening, uuid_or_none
from domain.identity.rules.roles import BUILT_IN, permissions_of

# The first session of all is no news. Where a client names no device, what it calls itself must do.
NEW_DEVICES = text("""
    SELECT s.id FROM sessions s
    WHERE s.id = ANY(:ids)
        AND EXISTS (
            SELECT FROM sessions o WHERE o.user_id = s.user_id AND (o.created_at, o.id) < (s.created_at, s.id)
        )
        AND NOT EXISTS (
            SELECT FROM sessions o
            WHERE o.user_id = s.user_id AND (o.created_at, o.id) < (s.created_at, s.id)
                AND CASE WHEN s.device_id = '' THEN o.user_agent = s.user_agent ELSE o.device_id = s.device_id END
        )
""")


async def gather(db: Database, session: AsyncSession, org_id: UUID, happenings: Iterable[Happening]) -> Facts:
    """The facts for these events. `session` is in the organization."""
    events = list(happenings)
    aircraft = {event.target_id for event in events if event.type.startswith("aircraft.")}
    departments = {event.target_id for event in events if event.type.startswith("department.")}
    departments |= _named(events, "department_id")
    sessions = [event.target_id for event in events if event.type == "session.started"]
    roles = {row.key: row for row in (await session.scalars(select(Role).where(Role.org_id == org_id))).all()}
    people = (await session.execute(_people(org_id))).all()
    custom = {key: role.permissions for key, role in roles.items()}
    return Facts(
        organization=await session.scalar(select(Organization.name).where(Organization.id == org_id)) or "",
        members={
            row.user_id: permissions_of(row.roles, custom) for row in people if row.state == MembershipState.ACTIVE
        },
        names={row.user_id: row.name for row in people},
        roles={key: role.name for key, role in BUILT_IN.items()} | {key: role.name for key, role in roles.items()},
        memberships={row.id: row.user_id for row in people},
        registrations=await _by_id(session, org_id, Aircraft, Aircraft.registration, aircraft),
        reporters=await _by_id(
            session, org_id, UtilisationEntry, UtilisationEntry.reporter_id, _named(events, "corrects_id")
        ),
        departments=await _by_id(session, org_id, Department, Department.name, departments),
        places=await _places(session, org_id, departments),
        new_devices=await _new_devices(db, sessions),
    )


def _named(events: list[Happening], key: str) -> set[UUID]:
    return {found for event in events if (found := uuid_or_none(event.after.get(key)))}


def _people(org_id: UUID) -> Any:
    return (
        select(Membership.id, Membership.user_id, Membership.roles, Membership.state, User.name)
        .join(User, User.id == Membership.user_id)
        .where(Membership.org_id == org_id)
    )


async def _by_id(session: AsyncSession, org_id: UUID, model: Any, column: Any, ids: set[UUID]) -> dict[UUID, Any]:
    if not ids:
        return {}
    rows = await session.execute(select(model.id, column).where(model.org_id == org_id, model.id.in_(ids)))
    return {row[0]: row[1] for row in rows}


async def _places(session: AsyncSession, org_id: UUID, departments: set[UUID]) -> dict[UUID, frozenset[UUID]]:
    if not departments:
        return {}
    place = DepartmentMembership
    rows = await session.execute(
        select(place.department_id, place.user_id).where(place.org_id == org_id, place.department_id.in_(departments))
    )
    found: dict[UUID, set[UUID]] = {}
    for department_id, user_id in rows:
        found.setdefault(department_id, set()).add(user_id)
    return {department_id: frozenset(people) for department_id, people in found.items()}


async def _new_devices(db: Database, sessions: list[UUID]) -> frozenset[UUID]:
    """As the platform: a person's sessions are nobody else's business, and may be in another organization."""
    if not sessions:
        return frozenset()
    async with db.platform() as session:
        return frozenset(await session.scalars(NEW_DEVICES, {"ids": sessions}))

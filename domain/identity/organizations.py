"""Organizations: how they come to be, and their settings."""

import secrets
from datetime import datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from db.identity.memberships import Membership, MembershipState
from db.identity.organizations import Module, Organization, OrganizationKind
from domain.context import Ctx
from domain.entities import access, change, unique
from domain.errors import ErrorCode, UserError, UserErrors, refuse
from domain.identity.gate import Gate
from domain.identity.revocation import Scope, announce
from domain.identity.rules import slugs
from domain.identity.rules.organizations import MODULES_BY_KIND, time_zone_problem
from domain.identity.rules.roles import OWNER
from domain.permissions import Permission

MAX_NAME = 200
MAX_SESSIONS = 20
# Shorter windows follow single flights, and nobody plans further ahead; a finding waits for a year at most.
WINDOW_DAYS, SOON_DAYS, FINDING_DAYS = (7, 730), (0, 365), (1, 365)


def name_problem(name: str) -> UserError | None:
    """Why a name of an organization, person, department or role is refused."""
    if not name.strip():
        return UserError(ErrorCode.REQUIRED, "Give a name.", ("input", "name"))
    if len(name) > MAX_NAME:
        return UserError(ErrorCode.TOO_LONG, f"Use at most {MAX_NAME} characters.", ("input", "name"))
    if not name.isprintable():
        return UserError(ErrorCode.INVALID, "Use printable characters only.", ("input", "name"))
    return None


async def found(
    session: AsyncSession,
    *,
    name: str,
    kind: OrganizationKind,
    time_zone: str,
    now: datetime,
    slug: str | None = None,
    is_platform: bool = False,
) -> UUID:
    """Make an organization as the platform. Without `slug` it gets one from its name, made different from others:
    who registers must not learn from a refusal which organizations exist."""
    org_id = uuid7()
    candidate = slug or slugs.from_name(name)
    while True:
        made = await session.scalar(
            insert(Organization)
            .values(
                id=org_id,
                slug=candidate,
                name=name,
                kind=kind,
                modules=[str(module) for module in MODULES_BY_KIND[kind]],
                time_zone=time_zone,
                is_platform=is_platform,
                created_at=now,
                updated_at=now,
            )
            .on_conflict_do_nothing(index_elements=[Organization.slug])
            .returning(Organization.id)
        )
        if made is not None:
            return org_id
        if slug:
            raise refuse(ErrorCode.TAKEN, f"The slug '{slug}' is taken; choose another.", "input", "slug")
        candidate = slugs.from_name(name, secrets.token_hex(3))


async def open_for(
    gate: Gate,
    session: AsyncSession,
    owner_id: UUID,
    *,
    name: str,
    kind: OrganizationKind,
    time_zone: str,
    slug: str | None = None,
) -> UUID:
    """Make an organization with its owner, as the platform."""
    org_id = await found(session, name=name, kind=kind, time_zone=time_zone, now=gate.now, slug=slug)
    membership_id = join(session, org_id, owner_id, [OWNER], gate.now)
    ctx = gate.context(session, org_id, owner_id)
    ctx.record("organization.created", "org", org_id, after={"name": name, "kind": kind})
    ctx.record("membership.added", "mem", membership_id, after={"user_id": str(owner_id), "roles": [OWNER]})
    return org_id


def join(session: AsyncSession, org_id: UUID, user_id: UUID, roles: list[str], now: datetime) -> UUID:
    """Make somebody a member, as the platform."""
    membership_id = uuid7()
    session.add(
        Membership(
            org_id=org_id,
            id=membership_id,
            user_id=user_id,
            roles=roles,
            state=MembershipState.ACTIVE,
            created_at=now,
            updated_at=now,
        )
    )
    return membership_id


async def update(ctx: Ctx, *, expected_version: int, **values: Any) -> UUID:
    """Change settings: name, slug, time_zone, modules, working_day_start, working_day_end, max_sessions,
    utilisation_window_days, due_soon_days, finding_days."""
    ctx.check(Permission.ORGANIZATION_MANAGE)
    organization = await access(ctx, Organization, ctx.actor.org_id, "organization", expected_version)
    if organization.is_platform:
        raise refuse(ErrorCode.NOT_ALLOWED, "Platform organizations are not changed here.", "input")
    for name in ("name", "slug", "time_zone"):
        if name in values:
            values[name] = str(values[name]).strip()
    if "modules" in values:
        # In the enum's order and without repetitions, so that saying the same again changes nothing.
        values["modules"] = [str(module) for module in Module if module in values["modules"]]
    if problems := _problems(organization, values):
        raise UserErrors(*problems)
    taken = refuse(ErrorCode.TAKEN, "This slug is taken; choose another.", "input", "slug")
    async with unique(ctx, uq_organizations_slug=taken):
        before, after = change(organization, **values)
    if after:
        ctx.record("organization.updated", "org", organization.id, before=before, after=after)
        await announce(ctx.session, Scope.ORGANIZATION, organization.id)
    return organization.id


def _problems(organization: Organization, values: dict[str, Any]) -> list[UserError]:
    problems: list[UserError] = []
    if "name" in values and (problem := name_problem(values["name"])):
        problems.append(problem)
    if values.get("slug", organization.slug) != organization.slug and (reason := slugs.problem(values["slug"])):
        problems.append(UserError(ErrorCode.INVALID, reason, ("input", "slug")))
    if "time_zone" in values and (reason := time_zone_problem(values["time_zone"])):
        problems.append(UserError(ErrorCode.INVALID, reason, ("input", "timeZone")))
    if not 1 <= values.get("max_sessions", 1) <= MAX_SESSIONS:
        text = f"Allow 1 to {MAX_SESSIONS} sessions a person."
        problems.append(UserError(ErrorCode.OUT_OF_RANGE, text, ("input", "maxSessions")))
    for setting, (least, most), path in (
        ("utilisation_window_days", WINDOW_DAYS, "utilisationWindowDays"),
        ("due_soon_days", SOON_DAYS, "dueSoonDays"),
        ("finding_days", FINDING_DAYS, "findingDays"),
    ):
        if not least <= values.get(setting, least) <= most:
            text = f"Give {least} to {most} days."
            problems.append(UserError(ErrorCode.OUT_OF_RANGE, text, ("input", path)))
    start: time = values.get("working_day_start", organization.working_day_start)
    end: time = values.get("working_day_end", organization.working_day_end)
    if start >= end:
        text = "The working day must end after it starts."
        problems.append(UserError(ErrorCode.INVALID, text, ("input", "workingDayEnd")))
    return problems


async def by_slug(session: AsyncSession, slug: str) -> UUID | None:
    """An organization's id, as the platform."""
    found_id: UUID | None = await session.scalar(select(Organization.id).where(Organization.slug == slug))
    return found_id

"""Commands on authorisations: `ACTIVE <-> SUSPENDED`, `REVOKED` from both and for good."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.orm.attributes import flag_modified

from db.fleet.aircraft_types import AircraftType
from db.workforce.authorisations import (
    Authorisation,
    AuthorisationCourse,
    AuthorisationState,
    AuthorisationType,
    Privilege,
)
from db.workforce.courses import Course
from db.workforce.licences import Licence
from domain.context import Ctx
from domain.entities import access, as_json, change, unique
from domain.errors import ErrorCode, UserErrors, refuse
from domain.fleet.rules.refusals import Refusals
from domain.fleet.rules.texts import named
from domain.fleet.support import snapshot
from domain.permissions import Permission
from domain.workforce.rules.authorisations import next_state
from domain.workforce.standing import Standing, standing
from domain.workforce.support import check_member, finish, upper

__all__ = ["Changes", "Standing", "issue", "set_state", "standing", "update"]

PREFIX = "aut"
FIELDS = ("user_id", "number", "privilege", "tasks", "licence_id", "valid_from", "expires_on", "state")
_number = upper("The number", 30)
_tasks = named("The text of tasks", 1000)
_reason = named("The reason", 1000)


@dataclass(frozen=True)
class Scope:
    """Where the parts of a scope are kept, and what they name."""

    table: type[AuthorisationType] | type[AuthorisationCourse]
    column: str
    names: type[AircraftType] | type[Course]
    missing: str
    path: str


TYPES = Scope(
    AuthorisationType, "aircraft_type_id", AircraftType, "There is no aircraft type with this id.", "aircraftTypeIds"
)
COURSES = Scope(AuthorisationCourse, "course_id", Course, "There is no course with this id.", "courseIds")
SCOPES = {"aircraft_type_ids": TYPES, "course_ids": COURSES}


class Changes(TypedDict, total=False):
    """What to change; a key that is absent stays as it is. None clears an optional field; lists are whole."""

    number: str
    tasks: str | None
    licence_id: UUID | None
    valid_from: date
    expires_on: date | None
    aircraft_type_ids: Collection[UUID]
    course_ids: Collection[UUID]


async def issue(
    ctx: Ctx,
    *,
    user_id: UUID,
    number: str,
    privilege: Privilege,
    valid_from: date,
    expires_on: date | None = None,
    tasks: str | None = None,
    licence_id: UUID | None = None,
    aircraft_type_ids: Collection[UUID] = (),
    course_ids: Collection[UUID] = (),
) -> UUID:
    """Authorise somebody. It may be issued before it is effective: the reasons say what is missing still."""
    ctx.check(Permission.AUTHORISATION_MANAGE)
    refusals = Refusals()
    await check_member(ctx, refusals, user_id)
    given: dict[str, Any] = {"number": number, "tasks": tasks, "licence_id": licence_id}
    given |= {"aircraft_type_ids": aircraft_type_ids, "course_ids": course_ids}
    values = await _checked(ctx, refusals, given, user_id)
    _check_together(refusals, privilege, licence_id, valid_from, expires_on)
    refusals.finish()
    scopes = {name: values.pop(name) for name in SCOPES}
    made = Authorisation(
        org_id=ctx.actor.org_id,
        user_id=user_id,
        privilege=privilege,
        valid_from=valid_from,
        expires_on=expires_on,
        state=AuthorisationState.ACTIVE,
        issuer_id=ctx.actor.user_id,
        **values,
    )
    async with unique(ctx, uq_authorisations_org_id_number=_taken(made.number)):
        ctx.session.add(made)
    for name, ids in scopes.items():
        await _extend(ctx, SCOPES[name], made.id, ids)
    after = snapshot(made, FIELDS) | {name: as_json(sorted(ids)) for name, ids in scopes.items() if ids}
    ctx.record("authorisation.created", PREFIX, made.id, after=after)
    return made.id


async def update(ctx: Ctx, authorisation_id: UUID, *, expected_version: int, changes: Changes) -> UUID:
    """Change number, scope, term or licence. Whose it is and the privilege stay: issue another for these."""
    ctx.check(Permission.AUTHORISATION_MANAGE)
    found = await access(ctx, Authorisation, authorisation_id, "authorisation", expected_version)
    refusals = Refusals()
    if found.state == AuthorisationState.REVOKED:
        refusals.add(ErrorCode.NOT_ALLOWED, "A revoked authorisation does not change; issue another.", "id")
    values = await _checked(ctx, refusals, dict(changes), found.user_id)
    _check_together(
        refusals,
        Privilege(found.privilege),
        values.get("licence_id", found.licence_id),
        values.get("valid_from", found.valid_from),
        values.get("expires_on", found.expires_on),
    )
    refusals.finish()
    scopes = {name: values.pop(name) for name in SCOPES if name in values}
    async with unique(ctx, uq_authorisations_org_id_number=_taken(values.get("number", found.number))):
        before, after = change(found, **values)
    versioned = bool(after)
    for name, ids in scopes.items():
        if (had := await _replace(ctx, SCOPES[name], found.id, ids)) != ids:
            before[name], after[name] = as_json(sorted(had)), as_json(sorted(ids))
    if after:
        if not versioned:
            flag_modified(found, "number")  # a scope is part of the authorisation: it gets a new version
            await ctx.session.flush()
        ctx.record("authorisation.updated", PREFIX, found.id, before=before, after=after)
    return found.id


async def set_state(
    ctx: Ctx,
    authorisation_id: UUID,
    *,
    state: AuthorisationState,
    reason: str | None = None,
    expected_version: int | None = None,
) -> UUID:
    """Suspend, reinstate or revoke. Suspending and revoking take a reason, which everybody sees."""
    ctx.check(Permission.AUTHORISATION_MANAGE)
    found = await access(ctx, Authorisation, authorisation_id, "authorisation", expected_version)
    states, reasons = Refusals("state"), Refusals("reason")
    states.take(lambda to: next_state(AuthorisationState(found.state), to), state)
    text = None if state is AuthorisationState.ACTIVE else reasons.take(_reason, reason or "")
    finish(states, reasons)
    before, after = change(found, state=state.value, state_reason=text)
    if after:
        await ctx.session.flush()
        ctx.record(f"authorisation.{EVENTS[state]}", PREFIX, found.id, before=before, after=after)
    return found.id


EVENTS = {
    AuthorisationState.ACTIVE: "reinstated",
    AuthorisationState.SUSPENDED: "suspended",
    AuthorisationState.REVOKED: "revoked",
}


async def _checked(ctx: Ctx, refusals: Refusals, given: dict[str, Any], user_id: UUID) -> dict[str, Any]:
    """The clean values of what is given; a refused one is None and its refusal kept."""
    values = dict(given)
    if "number" in given:
        values["number"] = refusals.take(_number, given["number"] or "", "number")
    if "tasks" in given:
        values["tasks"] = refusals.optional(_tasks, given["tasks"], "tasks")
    if (licence_id := given.get("licence_id")) is not None:
        holder = await ctx.session.scalar(
            select(Licence.user_id).where(Licence.org_id == ctx.actor.org_id, Licence.id == licence_id)
        )
        if holder is None:
            refusals.add(ErrorCode.NOT_FOUND, "There is no licence with this id.", "licenceId")
        elif holder != user_id:
            refusals.add(ErrorCode.INVALID, "This licence is somebody else's; name one of the person's.", "licenceId")
    for name, scope in SCOPES.items():
        if name in given:
            values[name] = frozenset(given[name])
            await _check_there(ctx, refusals, scope, list(given[name]))
    return values


async def _check_there(ctx: Ctx, refusals: Refusals, scope: Scope, ids: list[UUID]) -> None:
    if not ids:
        return
    query = select(scope.names.id).where(scope.names.org_id == ctx.actor.org_id, scope.names.id.in_(ids))
    there = set(await ctx.session.scalars(query))
    for place, id in enumerate(ids):
        if id not in there:
            refusals.add(ErrorCode.NOT_FOUND, scope.missing, scope.path, str(place))


def _check_together(
    refusals: Refusals, privilege: Privilege, licence_id: UUID | None, valid_from: date, expires_on: date | None
) -> None:
    if privilege is Privilege.CERTIFYING_STAFF and licence_id is None:
        message = "Certifying staff are authorised on a licence (145.A.35(b)); name the person's licence."
        refusals.add(ErrorCode.REQUIRED, message, "licenceId")
    if expires_on is not None and expires_on <= valid_from:
        message = f"It would expire on {expires_on}, which is not after the day it is valid from ({valid_from})."
        refusals.add(ErrorCode.OUT_OF_RANGE, message, "expiresOn")


async def _extend(ctx: Ctx, scope: Scope, authorisation_id: UUID, ids: Collection[UUID]) -> None:
    if ids:
        rows = [
            {"org_id": ctx.actor.org_id, "authorisation_id": authorisation_id, scope.column: id} for id in sorted(ids)
        ]
        await ctx.session.execute(insert(scope.table), rows)


async def _replace(ctx: Ctx, scope: Scope, authorisation_id: UUID, ids: Collection[UUID]) -> frozenset[UUID]:
    """Make the scope exactly these; returns what it was. The authorisation's row must be locked."""
    table = scope.table
    mine = (table.org_id == ctx.actor.org_id, table.authorisation_id == authorisation_id)
    column = getattr(table, scope.column)
    had = frozenset(await ctx.session.scalars(select(column).where(*mine)))
    if gone := had - set(ids):
        await ctx.session.execute(delete(table).where(*mine, column.in_(gone)))
    await _extend(ctx, scope, authorisation_id, set(ids) - had)
    return had


def _taken(number: str) -> UserErrors:
    message = f"There is an authorisation {number} in the organization already."
    return refuse(ErrorCode.TAKEN, message, "input", "number")

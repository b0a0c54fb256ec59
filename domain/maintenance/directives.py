"""Commands on directives: which aircraft they are for, and what was done about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select

from db.fleet.aircraft import Aircraft
from db.fleet.aircraft_types import AircraftType
from db.maintenance.directives import (
    Directive,
    DirectiveApplicability,
    DirectiveDecision,
    DirectiveEntry,
    DirectiveKind,
    DirectiveState,
    DirectiveStatus,
)
from domain.context import Ctx
from domain.entities import access, as_json, change, unique, unreferenced
from domain.errors import ErrorCode, NotFoundError, UserErrors, refuse
from domain.fleet.rules import texts
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import find, snapshot
from domain.maintenance.rules.directives import serial_order
from domain.maintenance.rules.limits import UNITS, camel, check_limits
from domain.maintenance.rules.wording import paragraphs
from domain.maintenance.support import check_order, latest, reading_on, revoke, supersede
from domain.permissions import Permission

PREFIX = "dir"
ENTRY = "den"
LIMITS = (
    "threshold_minutes",
    "threshold_cycles",
    *(f"within_{unit}" for unit in UNITS),
    *(f"interval_{unit}" for unit in UNITS),
)
FIELDS = ("kind", "number", "revision", "title", "issuer", "effective_on", "method", *LIMITS, "superseded_by_id")
ENTRY_FIELDS = (
    "aircraft_id",
    "directive_id",
    "decision",
    "performed_on",
    "minutes",
    "cycles",
    "method",
    "terminating",
    "task_card_id",
)
MOST_RANGES = 200

_number = texts.named("The number", 50)
_revision = texts.named("The revision", 50)
_title = texts.named("The title", 200)
_issuer = texts.named("The issuer", 100)
_method = paragraphs("The method of compliance", 10_000)
_done = texts.named("The method", 1000)


@dataclass(frozen=True)
class Range:
    """Aircraft of a type, with serial numbers from and to these, both included; None is open."""

    type_id: UUID
    serial_from: str | None = None
    serial_to: str | None = None


async def create(
    ctx: Ctx,
    *,
    kind: DirectiveKind,
    number: str,
    title: str,
    issuer: str,
    effective_on: date,
    applicability: Sequence[Range],
    supersedes_id: UUID | None = None,
    **optional: Any,
) -> UUID:
    """`optional` are revision, method and limits. What it supersedes, an earlier revision for one, is due no more."""
    ctx.check(Permission.DIRECTIVE_MANAGE)
    refusals = Refusals()
    given = {"number": number, "title": title, "issuer": issuer, "effective_on": effective_on, **optional}
    values = _checked(refusals, given)
    ranges = await _ranges(ctx, refusals, applicability)
    superseded = None
    if supersedes_id is not None:
        superseded = await access(ctx, Directive, supersedes_id, "directive")
        if superseded.superseded_by_id is not None:
            text = f"{superseded.number} is superseded by another directive already."
            refusals.add(ErrorCode.NOT_ALLOWED, text, "supersedesId")
    refusals.finish()
    made = Directive(org_id=ctx.actor.org_id, kind=kind.value, **values)
    async with unique(ctx, uq_directives_number=_taken(made.number, made.revision)):
        ctx.session.add(made)
    _apply(ctx, made.id, ranges)
    if superseded is not None:
        before, after = change(superseded, superseded_by_id=made.id)
        ctx.record("directive.superseded", PREFIX, superseded.id, before=before, after=after)
    await ctx.session.flush()
    data = snapshot(made, FIELDS) | {"applicability": [_shown(each) for each in ranges]}
    ctx.record("directive.created", PREFIX, made.id, after=data)
    return made.id


async def update(
    ctx: Ctx,
    directive_id: UUID,
    *,
    expected_version: int,
    applicability: Sequence[Range] | None = None,
    changes: dict[str, Any],
) -> UUID:
    """Correct how it was entered; `applicability`, when given, takes the place of what there is."""
    ctx.check(Permission.DIRECTIVE_MANAGE)
    found = await access(ctx, Directive, directive_id, "directive", expected_version)
    refusals = Refusals()
    values = _checked(refusals, changes)
    ranges = None if applicability is None else await _ranges(ctx, refusals, applicability)
    refusals.finish()
    taken = _taken(values.get("number", found.number), values.get("revision", found.revision))
    async with unique(ctx, uq_directives_number=taken):
        before, after = change(found, **values)
    if ranges is not None:
        old = await _applicability(ctx, found.id)
        was, now = (sorted(map(str, map(_shown, each))) for each in ([_range(row) for row in old], ranges))
        if was != now:
            before["applicability"] = [_shown(_range(row)) for row in old]
            after["applicability"] = [_shown(each) for each in ranges]
            for row in old:
                await ctx.session.delete(row)
            _apply(ctx, found.id, ranges)
            await ctx.session.flush()
    if after:
        ctx.record("directive.updated", PREFIX, found.id, before=before, after=after)
    return found.id


async def delete(ctx: Ctx, directive_id: UUID, *, expected_version: int | None = None) -> UUID:
    """Only one entered by mistake: nothing was done about it, and it supersedes nothing."""
    ctx.check(Permission.DIRECTIVE_MANAGE)
    found = await access(ctx, Directive, directive_id, "directive", expected_version)
    before = snapshot(found, FIELDS)
    used = refuse(ErrorCode.IN_USE, "Something was recorded about it, or it supersedes another; it is kept.", "id")
    async with unreferenced(ctx, used):
        await ctx.session.delete(found)
    ctx.record("directive.deleted", PREFIX, directive_id, before=before)
    return directive_id


async def record(ctx: Ctx, **values: Any) -> UUID:
    """As `comply`, by somebody who keeps the records."""
    ctx.check(Permission.ACCOMPLISHMENT_RECORD)
    return await comply(ctx, **values)


async def comply(
    ctx: Ctx,
    *,
    aircraft_id: UUID,
    directive_id: UUID,
    on: date,
    minutes: int | None = None,
    cycles: int | None = None,
    method: str,
    terminating: bool = False,
    task_card_id: UUID | None = None,
) -> UUID:
    """A directive was complied with on an aircraft; `terminating` ends it where it would repeat. The aircraft's reading
    is that at the end of the day unless given. Who may say so is for the caller to check."""
    given = {"performed_on": on, "terminating": terminating, "task_card_id": task_card_id}
    return await _enter(ctx, aircraft_id, directive_id, DirectiveDecision.COMPLIED, method, minutes, cycles, given)


async def exempt(ctx: Ctx, *, aircraft_id: UUID, directive_id: UUID, on: date, reason: str) -> UUID:
    """A directive does not apply to an aircraft that it names: because of a modification, or a part not on it."""
    ctx.check(Permission.DIRECTIVE_MANAGE)
    given = {"performed_on": on}
    return await _enter(ctx, aircraft_id, directive_id, DirectiveDecision.NOT_APPLICABLE, reason, None, None, given)


async def take_back(ctx: Ctx, entry_id: UUID, *, reason: str) -> UUID:
    """What was recorded was wrong: what was recorded before it counts again."""
    ctx.check(Permission.ACCOMPLISHMENT_RECORD)
    found = await find(ctx, DirectiveEntry, entry_id)
    if found is None:
        raise NotFoundError("There is no such entry.")
    await access(ctx, Aircraft, found.aircraft_id, "aircraft")
    found = await access(ctx, DirectiveEntry, entry_id, "entry")
    if found.decision == DirectiveDecision.NOT_APPLICABLE:
        ctx.check(Permission.DIRECTIVE_MANAGE)
    text = await revoke(
        ctx, DirectiveEntry, found, reason, aircraft_id=found.aircraft_id, directive_id=found.directive_id
    )
    ctx.record("directive_entry.revoked", ENTRY, found.id, after={"revoked_at": as_json(ctx.now), "revocation": text})
    return found.id


async def _enter(
    ctx: Ctx,
    aircraft_id: UUID,
    directive_id: UUID,
    decision: DirectiveDecision,
    method: str,
    minutes: int | None,
    cycles: int | None,
    given: dict[str, Any],
) -> UUID:
    refusals = Refusals()
    aircraft = await access(ctx, Aircraft, aircraft_id, "aircraft")
    directive = await find(ctx, Directive, directive_id)
    if directive is None:
        raise NotFoundError("There is no such directive.")
    await _check_status(ctx, refusals, aircraft, directive, decision)
    path = "method" if decision is DirectiveDecision.COMPLIED else "reason"
    text = refusals.take(_done, method, path)
    day = given["performed_on"]
    reading = await reading_on(ctx, refusals, aircraft, day, minutes, cycles)
    previous = await latest(ctx, DirectiveEntry, aircraft_id=aircraft.id, directive_id=directive.id)
    check_order(refusals, previous, day, reading)
    refusals.finish()
    assert reading is not None
    await supersede(ctx, previous)
    made = DirectiveEntry(
        org_id=ctx.actor.org_id,
        aircraft_id=aircraft.id,
        directive_id=directive.id,
        decision=decision.value,
        minutes=reading.minutes,
        cycles=reading.cycles,
        method=text,
        recorder_id=ctx.actor.user_id,
        **given,
    )
    ctx.session.add(made)
    await ctx.session.flush()
    ctx.record("directive_entry.created", ENTRY, made.id, after=snapshot(made, ENTRY_FIELDS))
    return made.id


async def _check_status(
    ctx: Ctx, refusals: Refusals, aircraft: Aircraft, directive: Directive, decision: DirectiveDecision
) -> None:
    status = await ctx.session.scalar(
        select(DirectiveState.status).where(
            DirectiveState.org_id == ctx.actor.org_id,
            DirectiveState.aircraft_id == aircraft.id,
            DirectiveState.directive_id == directive.id,
        )
    )
    exempting = decision is DirectiveDecision.NOT_APPLICABLE
    if status in (None, DirectiveStatus.NOT_APPLICABLE) and (exempting or status is None):
        text = f"{directive.number} does not apply to {aircraft.registration} in the first place."
        refusals.add(ErrorCode.NOT_ALLOWED, text, "directiveId")
    elif status == DirectiveStatus.SUPERSEDED:
        text = f"{directive.number} is superseded: record it for the directive that took its place."
        refusals.add(ErrorCode.NOT_ALLOWED, text, "directiveId")


def _checked(refusals: Refusals, given: dict[str, Any]) -> dict[str, Any]:
    values = dict(given)
    for name, rule in (("number", _number), ("title", _title), ("issuer", _issuer)):
        if name in given:
            values[name] = refusals.take(rule, given[name] or "", name)
    if values.get("number"):
        values["number"] = values["number"].upper()
    if "revision" in given:
        values["revision"] = refusals.optional(_revision, given["revision"], "revision")
    if "method" in given:
        values["method"] = refusals.optional(_method, given["method"], "method")
    check_limits(refusals, given, ("interval", "threshold"))
    check_limits(refusals, given, ("within",), least=0)
    return values


async def _ranges(ctx: Ctx, refusals: Refusals, given: Sequence[Range]) -> list[Range]:
    if not 1 <= len(given) <= MOST_RANGES:
        text = f"Say which aircraft it is for: 1 to {MOST_RANGES} types or ranges of serial numbers."
        refusals.add(ErrorCode.OUT_OF_RANGE, text, "applicability")
    wanted = {each.type_id for each in given}
    known = set(
        await ctx.session.scalars(
            select(AircraftType.id).where(AircraftType.org_id == ctx.actor.org_id, AircraftType.id.in_(wanted))
        )
    )
    made = []
    for index, each in enumerate(given):
        path = ("applicability", str(index))
        if each.type_id not in known:
            refusals.add(ErrorCode.NOT_FOUND, "There is no aircraft type with this id.", *path, "typeId")
        ends = [
            refusals.optional(texts.serial_number, getattr(each, name), *path, camel(name))
            for name in ("serial_from", "serial_to")
        ]
        if ends[0] and ends[1] and serial_order(ends[0]) > serial_order(ends[1]):
            text = f"{ends[0]} comes after {ends[1]}: shorter serial numbers come first, then by their characters."
            refusals.add(ErrorCode.INVALID, text, *path, "serialTo")
        made.append(Range(each.type_id, *ends))
    return made


async def _applicability(ctx: Ctx, directive_id: UUID) -> Sequence[DirectiveApplicability]:
    row = DirectiveApplicability
    query = select(row).where(row.org_id == ctx.actor.org_id, row.directive_id == directive_id).order_by(row.id)
    return (await ctx.session.scalars(query)).all()


def _apply(ctx: Ctx, directive_id: UUID, ranges: Sequence[Range]) -> None:
    for each in ranges:
        ctx.session.add(DirectiveApplicability(org_id=ctx.actor.org_id, directive_id=directive_id, **vars(each)))


def _range(row: DirectiveApplicability) -> Range:
    return Range(row.type_id, row.serial_from, row.serial_to)


def _shown(each: Range) -> dict[str, Any]:
    return {name: as_json(value) for name, value in vars(each).items()}


def _taken(number: str, revision: str | None) -> UserErrors:
    name = f"{number}, revision {revision}" if revision else number
    return refuse(ErrorCode.TAKEN, f"There is a directive {name} already.", "input", "number")

"""What the commands of maintenance share: readings of an aircraft, and records that may be revoked."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from db.fleet.aircraft import Aircraft
from domain.context import Ctx
from domain.errors import ErrorCode
from domain.fleet.readings import totals_on
from domain.fleet.rules import components as reading_rules
from domain.fleet.rules import texts
from domain.fleet.rules.refusals import Refusals
from domain.fleet.rules.utilisation import Amount
from domain.fleet.support import today

reason = texts.named("The reason", 1000)


async def reading_on(
    ctx: Ctx, refusals: Refusals, aircraft: Aircraft, day: date, minutes: int | None, cycles: int | None
) -> Amount | None:
    """The aircraft's checked reading on a day that is not in the future."""
    now_here = await today(ctx)
    refusals.take(
        lambda on: reading_rules.done_on(
            on, today=now_here, not_before=aircraft.manufactured_on, why="the day the aircraft was manufactured"
        ),
        day,
        "performedOn",
    )
    totals = await totals_on(ctx, aircraft.id, day)
    return refusals.take(lambda stated: reading_rules.reading(stated, cycles, day, totals), minutes, "minutes")


async def latest(ctx: Ctx, model: Any, **named: UUID | None) -> Any:
    """The record of these things that counts, if there is one."""
    return await ctx.session.scalar(
        select(model).where(
            model.org_id == ctx.actor.org_id,
            model.is_latest,
            *(getattr(model, name) == value for name, value in named.items()),
        )
    )


async def supersede(ctx: Ctx, previous: Any) -> None:
    """Another record is about to count instead: of the same things at most one may."""
    if previous is not None:
        previous.is_latest = False
        await ctx.session.flush()


def check_order(refusals: Refusals, previous: Any, day: date, reading: Amount | None) -> None:
    """Records of the same things come in the order in which they were done."""
    if previous is None:
        return
    if day < previous.performed_on:
        refusals.add(
            ErrorCode.OUT_OF_RANGE,
            f"A later one is recorded already, of {previous.performed_on}: revoke that first, then record both.",
            "performedOn",
        )
    elif reading and (reading.minutes < previous.minutes or reading.cycles < previous.cycles):
        at = Amount(previous.minutes, previous.cycles)
        refusals.add(ErrorCode.OUT_OF_RANGE, f"The last time it was done the aircraft had {at} already.", "minutes")


async def revoke(ctx: Ctx, model: Any, found: Any, because: str, **named: UUID | None) -> str:
    """Take back the record that counts; the one before it counts again. Returns the cleaned reason."""
    refusals = Refusals()
    text = refusals.take(reason, because, "reason")
    if found.revoked_at is not None:
        refusals.add(ErrorCode.NOT_ALLOWED, "It is revoked already.", "id")
    elif not found.is_latest:
        refusals.add(ErrorCode.NOT_ALLOWED, "A later one builds on it: revoke that first.", "id")
    refusals.finish()
    assert text is not None
    found.is_latest = False
    found.revoked_at, found.revoker_id, found.revocation = ctx.now, ctx.actor.user_id, text
    await ctx.session.flush()
    before_it = (
        select(model.id)
        .where(
            model.org_id == ctx.actor.org_id,
            model.revoked_at.is_(None),
            *(getattr(model, name) == value for name, value in named.items()),
        )
        .order_by(model.performed_on.desc(), model.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    await ctx.session.execute(
        update(model).where(model.org_id == ctx.actor.org_id, model.id == before_it).values(is_latest=True)
    )
    return text

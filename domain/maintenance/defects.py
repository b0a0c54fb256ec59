"""Commands on defects and their deferrals."""

from datetime import date
from uuid import UUID

from sqlalchemy import select

from db.fleet.aircraft import Aircraft
from db.maintenance.defects import Defect, Deferral, MelCategory
from db.maintenance.task_cards import TaskCard
from db.workforce.authorisations import Privilege
from domain import entities
from domain.context import Ctx
from domain.errors import ErrorCode, NotFoundError
from domain.fleet.rules import utilisation as flying
from domain.fleet.rules.refusals import Refusals
from domain.fleet.rules.utilisation import Amount
from domain.fleet.support import find, snapshot, today
from domain.maintenance import numbers, signing
from domain.maintenance.rules import defects as rules
from domain.maintenance.rules import deferrals as limits
from domain.maintenance.rules.deferrals import Limit, Stated
from domain.maintenance.rules.steps import take
from domain.permissions import Permission

PREFIX, DEFERRAL = "df", "dl"
FIELDS = ("number", "aircraft_id", "task_card_id", "description", "ata_chapter", "status", "found_on")
DEFERRAL_FIELDS = ("defect_id", "aircraft_id", "category", "mel_item", "limitations", "interval_days", "deferred_on",
                   "due_on", "due_minutes", "due_cycles", "authorisation_id")  # fmt: skip
DEFERRING = (Privilege.CERTIFYING_STAFF,)


async def report(
    ctx: Ctx,
    *,
    aircraft_id: UUID,
    description: str,
    found_on: date | None = None,
    ata_chapter: str | None = None,
    task_card_id: UUID | None = None,
) -> UUID:
    """A defect that was found, today unless `found_on` says otherwise; with a card, on its work."""
    ctx.check(Permission.DEFECT_REPORT)
    number = await numbers.following(ctx, Defect)
    aircraft = await find(ctx, Aircraft, aircraft_id)
    refusals = Refusals()
    now_here = await today(ctx)
    if aircraft is None:
        refusals.add(ErrorCode.NOT_FOUND, "There is no aircraft with this id.", "aircraftId")
    else:
        await entities.access(ctx, Aircraft, aircraft_id, "aircraft")
    built = aircraft.manufactured_on if aircraft else None
    refusals.take(lambda day: flying.flown_on(day, today=now_here, manufactured=built), found_on or now_here, "foundOn")
    text = refusals.take(rules.description, description, "description")
    chapter = refusals.optional(rules.ata_chapter, ata_chapter, "ataChapter")
    if task_card_id is not None:
        card = await find(ctx, TaskCard, task_card_id)
        if card is None or card.aircraft_id != aircraft_id:
            refusals.add(ErrorCode.NOT_FOUND, "There is no task card with this id for the aircraft.", "taskCardId")
    refusals.finish()
    made = Defect(
        org_id=ctx.actor.org_id,
        number=number,
        aircraft_id=aircraft_id,
        task_card_id=task_card_id,
        description=text,
        ata_chapter=chapter,
        found_on=found_on or now_here,
        reporter_id=ctx.actor.user_id,
    )
    ctx.session.add(made)
    await ctx.session.flush()
    ctx.record("defect.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    return made.id


async def defer(
    ctx: Ctx,
    defect_id: UUID,
    *,
    category: MelCategory,
    mel_item: str,
    stated: Stated | None = None,
    limitations: str | None = None,
    expected_version: int | None = None,
) -> UUID:
    """Let the aircraft fly with a defect, within the limit of its MEL category. Returns the deferral."""
    ctx.check(Permission.WORK_ORDER_SIGN)
    aircraft, defect = await _access(ctx, defect_id, expected_version)
    on = await today(ctx)
    refusals = Refusals()
    target = refusals.take(lambda status: take("defect", status, rules.DEFER), defect.status, "defectId")
    item = refusals.take(limits.mel_item, mel_item, "melItem")
    text = refusals.optional(limits.limitations, limitations, "limitations")
    totals = Amount(aircraft.total_minutes, aircraft.total_cycles)
    limit: Limit | None = refusals.take(
        lambda wanted: limits.limit(category, defect.found_on, totals, wanted), stated or Stated()
    )
    if limit is not None:
        refusals.take(lambda due: limits.in_time(due, on), limit.due_on, "defectId")
    authorisation_id = await signing.authorised(ctx, refusals, DEFERRING, aircraft, on)
    refusals.finish()
    assert limit is not None
    made = Deferral(
        org_id=defect.org_id,
        defect_id=defect.id,
        aircraft_id=defect.aircraft_id,
        category=category,
        mel_item=item,
        limitations=text,
        interval_days=limit.days,
        deferred_on=on,
        due_on=limit.due_on,
        due_minutes=limit.due_minutes,
        due_cycles=limit.due_cycles,
        signatory_id=signing.signatory(ctx),
        authorisation_id=authorisation_id,
    )
    ctx.session.add(made)
    before, after = entities.change(defect, status=target)
    await ctx.session.flush()
    ctx.record("defect.deferred", PREFIX, defect.id, before=before, after=after | {"deferral_id": str(made.id)})
    ctx.record("deferral.created", DEFERRAL, made.id, after=snapshot(made, DEFERRAL_FIELDS))
    return made.id


async def extend(ctx: Ctx, deferral_id: UUID, *, days: int, reason: str, expected_version: int | None = None) -> UUID:
    """Once, before the deferral ends, for no longer than its interval."""
    ctx.check(Permission.WORK_ORDER_SIGN)
    unlocked = await find(ctx, Deferral, deferral_id)
    if unlocked is None:
        raise NotFoundError("There is no such deferral.")
    aircraft = await entities.access(ctx, Aircraft, unlocked.aircraft_id, "aircraft")
    found = await entities.access(ctx, Deferral, deferral_id, "deferral", expected_version)
    on = await today(ctx)
    refusals = Refusals()
    if found.ended_on is not None:
        refusals.add(ErrorCode.NOT_ALLOWED, f"The deferral ended with the rectification on {found.ended_on}.", "id")
    due_on = refusals.take(
        lambda wanted: limits.extended(
            MelCategory(found.category), found.interval_days, found.due_on, found.extension_days, wanted, on
        ),
        days,
    )
    text = refusals.take(limits.reason, reason, "reason")
    authorisation_id = await signing.authorised(ctx, refusals, DEFERRING, aircraft, on)
    refusals.finish()
    before, after = entities.change(
        found,
        due_on=due_on,
        extension_days=days,
        extension_reason=text,
        extended_on=on,
        extender_id=signing.signatory(ctx),
        extended_authorisation_id=authorisation_id,
    )
    await ctx.session.flush()
    ctx.record("deferral.extended", DEFERRAL, found.id, before=before, after=after)
    return found.id


async def rectify(ctx: Ctx, defect_id: UUID, on: date, task_card_id: UUID) -> None:
    """The card made from the defect is closed: that, and nothing else, rectifies it."""
    _, defect = await _access(ctx, defect_id, None)
    before, after = entities.change(defect, status=take("defect", defect.status, rules.RECTIFY), rectified_on=on)
    ctx.record("defect.rectified", PREFIX, defect.id, before=before, after=after | {"task_card_id": str(task_card_id)})
    deferral = await ctx.session.scalar(
        select(Deferral).where(Deferral.org_id == defect.org_id, Deferral.defect_id == defect.id).with_for_update()
    )
    if deferral is not None:
        before, after = entities.change(deferral, ended_on=on)
        ctx.record("deferral.ended", DEFERRAL, deferral.id, before=before, after=after)
    await ctx.session.flush()


async def _access(ctx: Ctx, defect_id: UUID, expected_version: int | None) -> tuple[Aircraft, Defect]:
    """The aircraft and its defect, both locked, in this order."""
    unlocked = await find(ctx, Defect, defect_id)
    if unlocked is None:
        raise NotFoundError("There is no such defect.")
    aircraft = await entities.access(ctx, Aircraft, unlocked.aircraft_id, "aircraft")
    return aircraft, await entities.access(ctx, Defect, defect_id, "defect", expected_version)

"""Commands on work orders.

Rows are locked in this order, by whoever locks several: work order, task card, aircraft, defect, deferral.
"""

from datetime import date
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import aliased

from db.fleet.aircraft import Aircraft, AircraftStatus
from db.maintenance.due import DueKind
from db.maintenance.task_cards import SignOff, SignOffKind, TaskCard, TaskCardStatus
from db.maintenance.work_orders import WorkOrder
from domain import entities
from domain.context import Ctx
from domain.errors import ErrorCode, UserError
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import find, snapshot
from domain.maintenance import due, grounding, numbers
from domain.maintenance.rules import task_cards as card_rules
from domain.maintenance.rules import work_orders as rules
from domain.maintenance.rules.steps import Step, take
from domain.permissions import Permission

PREFIX = "wo"
FIELDS = ("number", "aircraft_id", "title", "description", "status", "planned_start_on", "planned_end_on")


class Changes(TypedDict, total=False):
    """What to change; a key that is absent stays as it is. None clears an optional field."""

    title: str
    description: str | None
    planned_start_on: date | None
    planned_end_on: date | None


async def create(
    ctx: Ctx,
    *,
    aircraft_id: UUID,
    title: str,
    description: str | None = None,
    planned_start_on: date | None = None,
    planned_end_on: date | None = None,
) -> UUID:
    ctx.check(Permission.WORK_ORDER_MANAGE)
    refusals = Refusals()
    aircraft = await find(ctx, Aircraft, aircraft_id)
    if aircraft is None:
        refusals.add(ErrorCode.NOT_FOUND, "There is no aircraft with this id.", "aircraftId")
    elif aircraft.status == AircraftStatus.RETIRED:
        refusals.add(ErrorCode.NOT_ALLOWED, "The aircraft is retired; set another status before it is worked on.",
                     "aircraftId")  # fmt: skip
    given = {
        "title": title,
        "description": description,
        "planned_start_on": planned_start_on,
        "planned_end_on": planned_end_on,
    }
    values = _checked(refusals, given)
    refusals.finish()
    number = await numbers.following(ctx, WorkOrder)
    made = WorkOrder(
        org_id=ctx.actor.org_id, number=number, aircraft_id=aircraft_id, creator_id=ctx.actor.user_id, **values
    )
    ctx.session.add(made)
    await ctx.session.flush()
    ctx.record("work_order.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    return made.id


async def update(ctx: Ctx, work_order_id: UUID, *, expected_version: int, changes: Changes) -> UUID:
    ctx.check(Permission.WORK_ORDER_MANAGE)
    found = await access(ctx, work_order_id, expected_version)
    refusals = Refusals()
    refusals.take(rules.plannable, found.status, "id")
    values = _checked(refusals, dict(changes), found)
    refusals.finish()
    before, after = entities.change(found, **values)
    if after:
        await ctx.session.flush()
        ctx.record("work_order.updated", PREFIX, found.id, before=before, after=after)
    return found.id


async def open_for_work(ctx: Ctx, work_order_id: UUID, *, expected_version: int | None = None) -> UUID:
    """Planning is done: work may begin."""
    ctx.check(Permission.WORK_ORDER_MANAGE)
    found = await access(ctx, work_order_id, expected_version)
    rules_apply = Refusals("id")
    target = rules_apply.take(lambda status: take("work order", status, rules.OPEN), found.status)
    cards = await ctx.session.scalars(select(TaskCard.status).where(*_of(found)))
    rules_apply.take(rules.openable, cards.all())
    rules_apply.finish()
    assert target is not None
    return await _moved(ctx, found, target, "opened")


async def start(ctx: Ctx, work_order: WorkOrder) -> None:
    """Work begins with the first card that is started."""
    if work_order.status in rules.START.sources:
        await _moved(ctx, work_order, rules.START.target, "started")


async def complete(ctx: Ctx, work_order_id: UUID, *, expected_version: int | None = None) -> UUID:
    """All that was ordered is done: the aircraft can be released."""
    ctx.check(Permission.WORK_ORDER_MANAGE)
    found = await access(ctx, work_order_id, expected_version)
    target = _taken(found, rules.COMPLETE)
    cards = await ctx.session.execute(
        select(TaskCard.number, TaskCard.title, TaskCard.status).where(*_of(found)).order_by(TaskCard.number)
    )
    rules.complete((card.number, card.title, card.status) for card in cards)
    return await _moved(ctx, found, target, "completed")


async def close(ctx: Ctx, work_order_id: UUID, *, expected_version: int | None = None) -> UUID:
    """After the release: the paperwork is done."""
    ctx.check(Permission.WORK_ORDER_MANAGE)
    found = await access(ctx, work_order_id, expected_version)
    return await _moved(ctx, found, _taken(found, rules.CLOSE), "closed")


async def cancel(ctx: Ctx, work_order_id: UUID, *, reason: str, expected_version: int | None = None) -> UUID:
    """Give up what nobody has signed yet, with its cards."""
    ctx.check(Permission.WORK_ORDER_MANAGE)
    found = await access(ctx, work_order_id, expected_version)
    refusals = Refusals("input")
    refusals.take(lambda status: take("work order", status, rules.CANCEL), found.status, "id")
    text = refusals.take(rules.reason, reason, "reason")
    signed = select(TaskCard.number).where(
        *_of(found), select(SignOff.id).where(SignOff.org_id == TaskCard.org_id,
                                              SignOff.task_card_id == TaskCard.id).exists()
    )  # fmt: skip
    refusals.take(rules.cancellable, (await ctx.session.scalars(signed)).all(), "id")
    refusals.finish()
    open_cards = await ctx.session.scalars(
        select(TaskCard).where(*_of(found), TaskCard.status.in_(card_rules.CANCEL.sources)).with_for_update()
    )
    for card in open_cards.all():
        before, after = entities.change(card, status=TaskCardStatus.CANCELLED.value, cancellation_reason=text)
        ctx.record("task_card.cancelled", "tc", card.id, before=before, after=after)
    return await _moved(ctx, found, rules.CANCEL.target, "cancelled", cancellation_reason=text)


async def mark_released(ctx: Ctx, work_order_id: UUID) -> None:
    """The certificate is issued. Only its command calls this, in the transaction of the certificate, after
    `release_obstacles` has found nothing; a work order that is released already stays as it is."""
    found = await access(ctx, work_order_id)
    if found.released_at is None:
        await _moved(ctx, found, _taken(found, rules.RELEASE), "released", released_at=ctx.now)


async def release_obstacles(ctx: Ctx, work_order_id: UUID, on: date, *, again: bool = False) -> list[UserError]:
    """Everything that forbids the release of the aircraft after this work order on a day, but for the signatory's
    authorisation; `again` is for a certificate that supersedes another of the same work order. It locks the work order
    and the aircraft: what it found stays so until the transaction ends.

    145.A.50(a): all maintenance ordered has been carried out, and no non-compliance is known that endangers flight
    safety: so an open defect, and an overdue directive, airworthiness limitation or deferral forbid it as well.
    """
    refusals = Refusals()
    found = await access(ctx, work_order_id)
    aircraft = await entities.access(ctx, Aircraft, found.aircraft_id, "aircraft")
    step = rules.RELEASE_AGAIN if again else rules.RELEASE
    refusals.take(lambda status: take("work order", status, step), found.status, "workOrderId")
    messages = [
        *await _card_obstacles(ctx, found),
        *(
            f"{item.title} is overdue: {item.limiting}."
            for item in await due.overdue(ctx, aircraft.id, on)
            if item.kind == DueKind.DIRECTIVE or item.airworthiness_limitation
        ),
        *await grounding.obstacles(ctx, aircraft, on),
    ]
    for message in messages:
        refusals.add(ErrorCode.NOT_ALLOWED, message, "workOrderId")
    return refusals.errors


async def _card_obstacles(ctx: Ctx, work_order: WorkOrder) -> list[str]:
    """Cards that are not finished, and, looked up in the signatures themselves, inspections that are missing."""
    mine = (SignOff.org_id == TaskCard.org_id, SignOff.task_card_id == TaskCard.id)
    performers = select(SignOff.signatory_id).where(*mine, SignOff.kind == SignOffKind.PERFORMANCE).correlate(TaskCard)
    work = aliased(SignOff)
    inspected = (
        select(work.id)
        .where(
            work.org_id == TaskCard.org_id,
            work.task_card_id == TaskCard.id,
            work.kind == SignOffKind.INSPECTION,
            work.signatory_id.not_in(performers),
        )
        .exists()
    )
    cards = await ctx.session.execute(
        select(TaskCard.number, TaskCard.title, TaskCard.status, TaskCard.inspection_required, inspected.label("done"))
        .where(*_of(work_order), TaskCard.status != TaskCardStatus.CANCELLED)
        .order_by(TaskCard.number)
    )
    found = []
    for card in cards:
        if card.status not in rules.FINISHED:
            found.append(f"Task card {card.number} ({card.title}) is {card.status}.")
        if card.inspection_required and not card.done:
            found.append(f"Task card {card.number} ({card.title}) lacks its required inspection.")
    return found


async def access(ctx: Ctx, work_order_id: UUID, expected_version: int | None = None) -> WorkOrder:
    """The work order, locked: whatever changes it or its cards waits for each other here."""
    return await entities.access(ctx, WorkOrder, work_order_id, "work order", expected_version)


def _checked(refusals: Refusals, given: dict[str, Any], existing: WorkOrder | None = None) -> dict[str, Any]:
    """The clean values of what is given; a refused one is None and its refusal kept."""
    values = dict(given)
    if "title" in given:
        values["title"] = refusals.take(rules.title, given["title"] or "", "title")
    if "description" in given:
        values["description"] = refusals.optional(rules.description, given["description"], "description")
    if "planned_start_on" in given or "planned_end_on" in given:
        start = values.get("planned_start_on", existing and existing.planned_start_on)
        end = values.get("planned_end_on", existing and existing.planned_end_on)
        refusals.take(lambda last: rules.period(start, last), end, "plannedEndOn")
    return values


def _of(work_order: WorkOrder) -> tuple[Any, Any]:
    return TaskCard.org_id == work_order.org_id, TaskCard.work_order_id == work_order.id


def _taken(work_order: WorkOrder, step: Step) -> str:
    refusals = Refusals("id")
    target = refusals.take(lambda status: take("work order", status, step), work_order.status)
    refusals.finish()
    assert target is not None
    return target


async def _moved(ctx: Ctx, work_order: WorkOrder, status: str, done: str, **values: Any) -> UUID:
    before, after = entities.change(work_order, status=status, **values)
    await ctx.session.flush()
    ctx.record(f"work_order.{done}", PREFIX, work_order.id, before=before, after=after)
    return work_order.id

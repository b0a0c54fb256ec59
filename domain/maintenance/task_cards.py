"""Commands on task cards: planning them. Signing them is in `sign_offs`."""

from collections.abc import Mapping
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import func, select

from db.maintenance.task_cards import SignOff, TaskCard
from db.maintenance.work_orders import WorkOrder
from domain import entities
from domain.context import Ctx
from domain.errors import ErrorCode, NotFoundError, UserErrors, refuse
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import snapshot
from domain.maintenance import sources, work_orders
from domain.maintenance.rules import task_cards as rules
from domain.maintenance.rules import work_orders as work_order_rules
from domain.maintenance.rules.steps import take
from domain.maintenance.sources import Source
from domain.permissions import Permission
from domain.workforce.support import check_member

PREFIX = "tc"
FIELDS = ("work_order_id", "number", "title", "reference", "instructions", "inspection_required", "status",
          "assignee_id", "task_id", "component_id", "directive_id", "defect_id")  # fmt: skip


class Changes(TypedDict, total=False):
    """What to change; a key that is absent stays as it is. None clears an optional field."""

    title: str
    reference: str | None
    instructions: str | None
    inspection_required: bool
    assignee_id: UUID | None


async def add(
    ctx: Ctx,
    *,
    work_order_id: UUID,
    source: Source | None = None,
    title: str | None = None,
    reference: str | None = None,
    instructions: str | None = None,
    inspection_required: bool | None = None,
    assignee_id: UUID | None = None,
) -> UUID:
    """A card, made from something due or of its own. What is not given comes from the source."""
    ctx.check(Permission.WORK_ORDER_MANAGE)
    work_order = await work_orders.access(ctx, work_order_id)
    refusals = Refusals()
    refusals.take(work_order_rules.plannable, work_order.status, "workOrderId")
    found = await sources.described(ctx, refusals, source, work_order.aircraft_id) if source else sources.NOTHING
    given = {
        "title": title or found.title,
        "reference": reference or found.reference,
        "instructions": instructions or found.instructions,
        "assignee_id": assignee_id,
    }
    values = await _checked(ctx, refusals, given)
    if found.inspection_required and inspection_required is False:
        message = "The programme requires an inspection of this task; a card cannot do without it."
        refusals.add(ErrorCode.NOT_ALLOWED, message, "inspectionRequired")
    refusals.finish()
    last = select(func.max(TaskCard.number)).where(
        TaskCard.org_id == work_order.org_id, TaskCard.work_order_id == work_order.id
    )
    made = TaskCard(
        org_id=work_order.org_id,
        work_order_id=work_order.id,
        aircraft_id=work_order.aircraft_id,
        number=(await ctx.session.scalar(last) or 0) + 1,
        inspection_required=bool(inspection_required) or found.inspection_required,
        **(source.columns() if source else {}),
        **values,
    )
    async with entities.unique(ctx, **_taken()):
        ctx.session.add(made)
    ctx.record("task_card.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    return made.id


async def update(ctx: Ctx, card_id: UUID, *, expected_version: int, changes: Changes) -> UUID:
    ctx.check(Permission.WORK_ORDER_MANAGE)
    work_order, card = await access(ctx, card_id, expected_version)
    refusals = Refusals()
    refusals.take(work_order_rules.plannable, work_order.status, "id")
    only_who = set(changes) <= {"assignee_id"}
    if not only_who:
        signed = await is_signed(ctx, card)
        refusals.take(lambda status: rules.editable(status, signed), card.status, "id")
    values = await _checked(ctx, refusals, dict(changes))
    if changes.get("inspection_required") is False and card.task_id is not None:
        await sources.check_inspection(ctx, refusals, card)
    refusals.finish()
    before, after = entities.change(card, **values)
    if after:
        await ctx.session.flush()
        ctx.record("task_card.updated", PREFIX, card.id, before=before, after=after)
    return card.id


async def cancel(ctx: Ctx, card_id: UUID, *, reason: str, expected_version: int | None = None) -> UUID:
    """Take a card out of its work order, as long as nobody has signed it. It stays, with the reason."""
    ctx.check(Permission.WORK_ORDER_MANAGE)
    work_order, card = await access(ctx, card_id, expected_version)
    refusals = Refusals()
    refusals.take(work_order_rules.plannable, work_order.status, "id")
    refusals.take(lambda status: take("task card", status, rules.CANCEL), card.status, "id")
    text = refusals.take(work_order_rules.reason, reason, "reason")
    refusals.take(rules.cancellable, await is_signed(ctx, card), "id")
    refusals.finish()
    return await moved(ctx, card, rules.CANCEL.target, "cancelled", cancellation_reason=text)


async def start(ctx: Ctx, card_id: UUID, *, expected_version: int | None = None) -> UUID:
    """Begin the work. The first card that is started starts the work order."""
    ctx.check(Permission.WORK_ORDER_SIGN)
    work_order, card = await access(ctx, card_id, expected_version)
    refusals = Refusals("id")
    refusals.take(work_order_rules.workable, work_order.status)
    refusals.take(lambda status: take("task card", status, rules.START), card.status)
    refusals.finish()
    await work_orders.start(ctx, work_order)
    return await moved(ctx, card, rules.START.target, "started")


async def access(ctx: Ctx, card_id: UUID, expected_version: int | None = None) -> tuple[WorkOrder, TaskCard]:
    """The card with its work order, both locked, the work order first."""
    work_order_id = await ctx.session.scalar(
        select(TaskCard.work_order_id).where(TaskCard.org_id == ctx.actor.org_id, TaskCard.id == card_id)
    )
    if work_order_id is None:
        raise NotFoundError("There is no such task card.")
    work_order = await work_orders.access(ctx, work_order_id)
    return work_order, await entities.access(ctx, TaskCard, card_id, "task card", expected_version)


async def is_signed(ctx: Ctx, card: TaskCard) -> bool:
    query = select(SignOff.id).where(SignOff.org_id == card.org_id, SignOff.task_card_id == card.id).limit(1)
    return await ctx.session.scalar(query) is not None


async def moved(ctx: Ctx, card: TaskCard, status: str, done: str, *, said: Mapping[str, Any] | None = None,
                **values: Any) -> UUID:  # fmt: skip
    """Set the state and record it; `said` goes into the event as well."""
    before, after = entities.change(card, status=status, **values)
    await ctx.session.flush()
    ctx.record(f"task_card.{done}", PREFIX, card.id, before=before, after=after | dict(said or {}))
    return card.id


async def _checked(ctx: Ctx, refusals: Refusals, given: dict[str, Any]) -> dict[str, Any]:
    """The clean values of what is given; a refused one is None and its refusal kept."""
    values = dict(given)
    if "title" in given:
        values["title"] = refusals.take(rules.title, given["title"] or "", "title")
    if "reference" in given:
        values["reference"] = refusals.optional(rules.reference, given["reference"], "reference")
    if "instructions" in given:
        values["instructions"] = refusals.optional(rules.instructions, given["instructions"], "instructions")
    if given.get("assignee_id") is not None:
        await check_member(ctx, refusals, given["assignee_id"], "assigneeId")
    return values


def _taken() -> dict[str, UserErrors]:
    """Two plan the same at once, or again."""
    message = "There is an unfinished task card for this already; close or cancel that one first."
    return {
        f"uq_task_cards_{kind}": refuse(ErrorCode.TAKEN, message, "input", "source")
        for kind in ("task", "directive", "defect")
    }

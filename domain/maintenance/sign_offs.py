"""Commands that sign task cards. A signature is only ever added: the table's grants and triggers refuse the rest."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select

from db.fleet.aircraft import Aircraft
from db.maintenance.task_cards import SignOff, SignOffKind, TaskCard
from db.maintenance.work_orders import WorkOrder
from domain import entities
from domain.context import Ctx
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import today
from domain.maintenance import signing, sources, task_cards
from domain.maintenance.rules import task_cards as rules
from domain.maintenance.rules import work_orders as work_order_rules
from domain.maintenance.rules.steps import Step, take
from domain.permissions import Permission
from domain.workforce import experience


class Signature:
    """One signature in the making: what it needs is checked, all refusals together, then it is written."""

    def __init__(
        self, ctx: Ctx, work_order: WorkOrder, card: TaskCard, aircraft: Aircraft, on: date, kind: SignOffKind
    ) -> None:
        self.ctx, self.card, self.aircraft, self.on, self.kind = ctx, card, aircraft, on, kind
        self.experience = f"Work order {work_order.number}, task card {card.number}"
        self.refusals = Refusals()
        self.authorisation_id: UUID | None = None

    @classmethod
    async def begin(
        cls, ctx: Ctx, card_id: UUID, kind: SignOffKind, step: Step | None, expected_version: int | None
    ) -> "Signature":
        """Locks the card's work order, the card and the aircraft, and checks the states and the authorisation.
        Without `step` it is what closes this card."""
        ctx.check(Permission.WORK_ORDER_SIGN)
        work_order, card = await task_cards.access(ctx, card_id, expected_version)
        aircraft = await entities.access(ctx, Aircraft, card.aircraft_id, "aircraft")
        made = cls(ctx, work_order, card, aircraft, await today(ctx), kind)
        made.refusals.take(work_order_rules.workable, work_order.status, "id")
        wanted = step or rules.closing(card.inspection_required)
        made.refusals.take(lambda status: take("task card", status, wanted), card.status, "id")
        made.authorisation_id = await signing.authorised(ctx, made.refusals, rules.PRIVILEGES[kind], aircraft, made.on)
        return made

    async def performers(self) -> set[UUID]:
        """Who has signed for work on the card, ever."""
        found = await self.ctx.session.scalars(
            select(SignOff.signatory_id).where(
                SignOff.org_id == self.card.org_id,
                SignOff.task_card_id == self.card.id,
                SignOff.kind == SignOffKind.PERFORMANCE,
            )
        )
        return set(found.all())

    async def write(self, note: str | None, status: str, done: str, **values: Any) -> UUID:
        self.refusals.finish()
        assert self.authorisation_id is not None
        made = SignOff(
            org_id=self.card.org_id,
            task_card_id=self.card.id,
            kind=self.kind,
            signatory_id=signing.signatory(self.ctx),
            authorisation_id=self.authorisation_id,
            note=note,
            total_minutes=self.aircraft.total_minutes,
            total_cycles=self.aircraft.total_cycles,
            signed_on=self.on,
            signed_at=self.ctx.now,
        )
        self.ctx.session.add(made)
        await self.ctx.session.flush()
        said: dict[str, Any] = {
            "sign_off_id": str(made.id),
            "kind": self.kind.value,
            "authorisation_id": str(self.authorisation_id),
        }
        await experience.record(self.ctx, made.signatory_id, self.on, self.aircraft.type_id, self.experience)
        return await task_cards.moved(self.ctx, self.card, status, done, said=said, **values)


async def perform(
    ctx: Ctx, card_id: UUID, *, note: str, finished: bool = True, expected_version: int | None = None
) -> UUID:
    """Sign for work done, described by `note` (14 CFR 43.9(a)(1)). Not `finished`: for one's part of it, as at the end
    of a shift (145.A.47(c)); the card stays in progress for the next."""
    signature = await Signature.begin(ctx, card_id, SignOffKind.PERFORMANCE, rules.PERFORM, expected_version)
    text = signature.refusals.take(rules.note, note, "note")
    status = rules.PERFORM.target if finished else signature.card.status
    return await signature.write(text, status, "performed" if finished else "partly_performed")


async def inspect(ctx: Ctx, card_id: UUID, *, note: str | None = None, expected_version: int | None = None) -> UUID:
    """The required inspection, by somebody who has not done the work."""
    signature = await Signature.begin(ctx, card_id, SignOffKind.INSPECTION, rules.INSPECT, expected_version)
    signature.refusals.take(rules.inspectable, signature.card.inspection_required, "id")
    performers = await signature.performers()
    signature.refusals.take(lambda who: rules.independent(who, performers), signing.signatory(ctx))
    text = signature.refusals.optional(rules.note, note, "note")
    return await signature.write(text, rules.INSPECT.target, "inspected")


async def reject(ctx: Ctx, card_id: UUID, *, note: str, expected_version: int | None = None) -> UUID:
    """The work is not good: the card goes back to be done again, and to be inspected again."""
    signature = await Signature.begin(ctx, card_id, SignOffKind.REJECTION, rules.REJECT, expected_version)
    text = signature.refusals.take(rules.note, note, "note")
    return await signature.write(text, rules.REJECT.target, "rejected")


async def close(
    ctx: Ctx,
    card_id: UUID,
    *,
    note: str | None = None,
    incomplete: bool = False,
    expected_version: int | None = None,
) -> UUID:
    """Certify the card. What it was made from is done with it: the task accomplished, the directive complied with, the
    defect rectified, on the day and at the totals at which the work was signed. Not so when it is `incomplete`: then
    the note says what is left, and that is planned again or stated on the certificate (145.A.50(e))."""
    signature = await Signature.begin(ctx, card_id, SignOffKind.CLOSURE, None, expected_version)
    reading = signature.refusals.take if incomplete else signature.refusals.optional
    text = reading(rules.note, note or "", "note")
    closed = await signature.write(text, rules.CLOSE.target, "closed", incomplete=incomplete)
    if not incomplete:
        await sources.finish(ctx, signature.card, await _last_work(ctx, card_id))
    return closed


async def _last_work(ctx: Ctx, card_id: UUID) -> SignOff:
    query = (
        select(SignOff)
        .where(
            SignOff.org_id == ctx.actor.org_id,
            SignOff.task_card_id == card_id,
            SignOff.kind == SignOffKind.PERFORMANCE,
        )
        .order_by(SignOff.signed_at.desc(), SignOff.id.desc())
        .limit(1)
    )
    return (await ctx.session.scalars(query)).one()

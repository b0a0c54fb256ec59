"""Issuing and revoking certificates of release.

A certificate is frozen in the transaction that issues it: its number, its content and the job that makes its PDF are
there together, or none of them. Rows are locked in the order of `work_orders`, the number series last.
"""

import secrets
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select

from db.fleet.aircraft import Aircraft
from db.fleet.components import Component
from db.maintenance.releases import CertificateForm, ComponentWork, Release, ReleaseRevocation, ReleaseStatus
from db.maintenance.work_orders import WorkOrder, WorkOrderStatus
from db.workforce.authorisations import Privilege
from domain import entities
from domain.context import Ctx
from domain.errors import ErrorCode
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import today
from domain.maintenance import number_series, release_facts, signing, work_orders
from domain.maintenance.rules import certificates
from domain.maintenance.rules import series as texts
from domain.maintenance.rules.certificates import Remarks
from domain.maintenance.verification import digest
from domain.permissions import Permission
from domain.workforce import authorisations, experience

PREFIX = "crs"
JOB = "release.certify"
SOURCE = "RELEASE"  # of an entry in a person's experience
COMPONENT_FORMS = (CertificateForm.EASA_FORM_1, CertificateForm.FAA_8130_3)
DONE = (WorkOrderStatus.AWAITING_RELEASE, WorkOrderStatus.RELEASED, WorkOrderStatus.CLOSED)


@dataclass(frozen=True)
class Texts:
    """What the signatory writes; blank is nothing to say."""

    limitations: str | None = None
    incomplete_work: str | None = None
    remarks: str | None = None


async def release_aircraft(ctx: Ctx, *, work_order_id: UUID, said: Texts, supersedes_id: UUID | None = None) -> UUID:
    """A certificate of release to service after a work order. Refused with everything that stands against it."""
    ctx.check(Permission.RELEASE_ISSUE)
    order = await work_orders.access(ctx, work_order_id)
    aircraft = await entities.access(ctx, Aircraft, order.aircraft_id, "aircraft")
    on = await today(ctx)
    refusals = Refusals()
    before = await _last(ctx, Release.work_order_id == order.id, Release.form == CertificateForm.CRS)
    replaced = _replaced(refusals, before, supersedes_id)
    refusals.errors += await work_orders.release_obstacles(ctx, order.id, on, again=replaced is not None)
    remarks = _remarks(refusals, said)
    signed_by = await _authorised(ctx, refusals, Privilege.CERTIFYING_STAFF, aircraft.type_id, on)
    await number_series.find(ctx, refusals, CertificateForm.CRS)
    refusals.finish()
    assert signed_by is not None
    issue = await Issue.begin(ctx, CertificateForm.CRS, signed_by, on, replaced)
    content = certificates.of_aircraft(
        issue.head,
        certificates.Order(order.number, order.title),
        await release_facts.airframe(ctx, aircraft),
        await release_facts.work(ctx, order.id),
        await release_facts.deferred(ctx, aircraft.id),
        remarks,
    )
    id = await issue.write(
        content,
        remarks,
        aircraft_id=aircraft.id,
        work_order_id=order.id,
        total_minutes=aircraft.total_minutes,
        total_cycles=aircraft.total_cycles,
    )
    await work_orders.mark_released(ctx, order.id)
    await experience.record(ctx, signing.signatory(ctx), on, aircraft.type_id, SOURCE)
    return id


async def release_component(
    ctx: Ctx,
    *,
    component_id: UUID,
    form: CertificateForm,
    work: ComponentWork,
    said: Texts,
    work_order_id: UUID | None = None,
    supersedes_id: UUID | None = None,
) -> UUID:
    """An EASA Form 1 or FAA Form 8130-3 for a component after maintenance."""
    ctx.check(Permission.RELEASE_ISSUE)
    order = await work_orders.access(ctx, work_order_id) if work_order_id else None
    component = await entities.access(ctx, Component, component_id, "component")
    on = await today(ctx)
    refusals = Refusals()
    if form not in COMPONENT_FORMS:
        refusals.add(ErrorCode.INVALID, "A CRS is for aircraft; a component takes EASA_FORM_1 or FAA_8130_3.", "form")
    if order is not None:
        _check_done(refusals, order)
    before = await _named(ctx, refusals, supersedes_id, component_id)
    replaced = _replaced(refusals, before, supersedes_id) if before else None
    remarks = _remarks(refusals, said, block_12=True)
    signed_by = await _authorised(ctx, refusals, Privilege.COMPONENT_CERTIFYING, None, on)
    if form in COMPONENT_FORMS:
        await number_series.find(ctx, refusals, form)
    refusals.finish()
    assert signed_by is not None
    part = await release_facts.part(ctx, component)
    issue = await Issue.begin(ctx, form, signed_by, on, replaced)
    content = certificates.of_component(
        issue.head, certificates.Order(order.number, order.title) if order else None, part, work, remarks
    )
    id = await issue.write(
        content,
        remarks,
        component_id=component.id,
        work_order_id=order.id if order else None,
        work=work,
        total_minutes=part.minutes,
        total_cycles=part.cycles,
    )
    await experience.record(ctx, signing.signatory(ctx), on, None, SOURCE)
    return id


async def revoke(ctx: Ctx, release_id: UUID, *, reason: str) -> UUID:
    """Whoever verifies the certificate is told from now on that it is revoked. It stays as it was issued."""
    ctx.check(Permission.RELEASE_REVOKE)
    found = await entities.access(ctx, Release, release_id, "certificate")
    refusals = Refusals("input")
    if found.status != ReleaseStatus.ISSUED:
        refusals.add(ErrorCode.NOT_ALLOWED, f"{found.number} is {found.status} already.", "id")
    text = refusals.take(texts.reason, reason, "reason")
    refusals.finish()
    made = ReleaseRevocation(
        org_id=found.org_id, release_id=found.id, revoked_by_id=signing.signatory(ctx), reason=text
    )
    ctx.session.add(made)
    await _moved(ctx, found, ReleaseStatus.REVOKED, "revoked", reason=text)
    return found.id


class Issue:
    """One certificate in the making. Its number is taken: from `begin` on it is written, or nothing happens at all."""

    def __init__(
        self, ctx: Ctx, head: certificates.Head, authorisation_id: UUID, logo_id: UUID | None, replaced: Release | None
    ) -> None:
        self.ctx, self.head, self.replaced = ctx, head, replaced
        self._authorisation_id = authorisation_id
        self._logo_id = logo_id

    @classmethod
    async def begin(
        cls, ctx: Ctx, form: CertificateForm, signed_by: UUID, on: date, replaced: Release | None
    ) -> "Issue":
        signatory = await release_facts.signatory(ctx, signing.signatory(ctx), signed_by)
        series, number = await number_series.take(ctx, form)
        head = certificates.Head(
            form=form,
            number=number,
            issuer=certificates.Issuer(
                series.organization_name, series.address, series.authority, series.approval_reference
            ),
            signatory=signatory,
            released_on=on,
            released_at=ctx.now,
            time_zone=await ctx.time_zone(),
            supersedes=replaced.number if replaced else None,
        )
        return cls(ctx, head, signed_by, series.logo_id, replaced)

    async def write(self, content: dict[str, Any], said: Remarks, **values: Any) -> UUID:
        ctx = self.ctx
        if self.replaced is not None and self.replaced.status == ReleaseStatus.ISSUED:
            await _moved(ctx, self.replaced, ReleaseStatus.SUPERSEDED, "superseded", by=self.head.number)
        token = secrets.token_urlsafe(24)
        made = Release(
            org_id=ctx.actor.org_id,
            number=self.head.number,
            form=self.head.form,
            signatory_id=self.head.signatory.user_id,
            authorisation_id=self._authorisation_id,
            released_on=self.head.released_on,
            limitations=said.limitations,
            incomplete_work=said.incomplete_work,
            remarks=said.remarks,
            content=content | {"logo": f"doc_{self._logo_id}" if self._logo_id else None},
            token=token,
            token_digest=digest(token),
            supersedes_id=self.replaced.id if self.replaced else None,
            **values,
        )
        ctx.session.add(made)
        await ctx.session.flush()
        told = {name: str(value) for name, value in values.items() if name.endswith("_id") and value is not None}
        after = {"number": made.number, "form": str(made.form), "released_on": str(made.released_on), **told}
        ctx.record("release.created", PREFIX, made.id, after=after)
        ctx.enqueue(JOB, {"id": str(made.id)})
        return made.id


async def _last(ctx: Ctx, *conditions: Any) -> Release | None:
    return await ctx.session.scalar(
        select(Release)
        .where(Release.org_id == ctx.actor.org_id, *conditions)
        .order_by(Release.id.desc())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def _named(ctx: Ctx, refusals: Refusals, id: UUID | None, component_id: UUID) -> Release | None:
    """The certificate of the component that is to be superseded."""
    if id is None:
        return None
    found = await _last(ctx, Release.id == id, Release.component_id == component_id)
    if found is None:
        refusals.add(
            ErrorCode.NOT_FOUND, "The component has no such certificate; look at its releases.", "supersedesId"
        )
    return found


def _replaced(refusals: Refusals, last: Release | None, supersedes_id: UUID | None) -> Release | None:
    """What the new certificate replaces. There is one chain: the last certificate is the one that can be replaced."""
    if last is None:
        if supersedes_id is not None:
            refusals.add(ErrorCode.NOT_FOUND, "This work order has no certificate to supersede.", "supersedesId")
        return None
    if last.id != supersedes_id or last.status == ReleaseStatus.SUPERSEDED:
        refusals.add(
            ErrorCode.NOT_ALLOWED,
            f"{last.number} has been issued for this and is {last.status}; name the last certificate as `supersedesId`"
            " to replace it.",
            "supersedesId",
        )
        return None
    return last


def _check_done(refusals: Refusals, order: WorkOrder) -> None:
    if order.status not in DONE:
        message = f"Work order {order.number} is {order.status}: complete it first, with all of its cards closed."
        refusals.add(ErrorCode.NOT_ALLOWED, message, "workOrderId")


def _remarks(refusals: Refusals, said: Texts, *, block_12: bool = False) -> Remarks:
    """`block_12` cannot be empty: it describes the work, or refers to what does."""
    remarks = (
        refusals.take(texts.remarks, said.remarks or "", "remarks")
        if block_12
        else refusals.optional(texts.remarks, said.remarks, "remarks")
    )
    return Remarks(
        limitations=refusals.optional(texts.limitations, said.limitations, "limitations"),
        incomplete_work=refusals.optional(texts.incomplete_work, said.incomplete_work, "incompleteWork"),
        remarks=remarks,
    )


async def _authorised(
    ctx: Ctx, refusals: Refusals, privilege: Privilege, type_id: UUID | None, on: date
) -> UUID | None:
    """The signatory's authorisation; every reason that it is not effective otherwise (145.A.35)."""
    standing = await authorisations.standing(ctx, signing.signatory(ctx), privilege, type_id, on)
    for reason in standing.reasons:
        refusals.add(ErrorCode.NOT_ALLOWED, reason)
    return None if standing.reasons else standing.authorisation_id


async def _moved(ctx: Ctx, release: Release, status: ReleaseStatus, done: str, **said: str | None) -> None:
    before, after = entities.change(release, status=status.value)
    await ctx.session.flush()
    ctx.record(f"release.{done}", PREFIX, release.id, before=before, after=after | said)

"""The states of a task card, who may sign it, and what it may say."""

from collections.abc import Collection, Mapping
from uuid import UUID

from db.maintenance.task_cards import SignOffKind, TaskCardStatus
from db.workforce.authorisations import Privilege
from domain.errors import ErrorCode, refuse
from domain.fleet.rules.texts import named
from domain.maintenance.rules.steps import Step
from domain.maintenance.rules.wording import paragraphs

Status = TaskCardStatus

START = Step("started", (Status.OPEN,), Status.IN_PROGRESS)
PERFORM = Step("signed as performed", (Status.IN_PROGRESS,), Status.PERFORMED)
INSPECT = Step("inspected", (Status.PERFORMED,), Status.INSPECTED)
REJECT = Step("rejected", (Status.PERFORMED, Status.INSPECTED), Status.IN_PROGRESS)
CLOSE = Step("closed", (Status.PERFORMED,), Status.CLOSED)
CLOSE_INSPECTED = Step("closed, because it needs an inspection,", (Status.INSPECTED,), Status.CLOSED)
CANCEL = Step("cancelled", (Status.OPEN, Status.IN_PROGRESS), Status.CANCELLED)

# Which authorisation a signature needs: one of these, the first that is effective. Certifying staff may do the work
# that they certify; an inspection is the inspector's alone (145.A.30, 145.A.35; 14 CFR 121.371(a), 121.378).
PRIVILEGES: Mapping[SignOffKind, tuple[Privilege, ...]] = {
    SignOffKind.PERFORMANCE: (Privilege.MECHANIC, Privilege.CERTIFYING_STAFF),
    SignOffKind.INSPECTION: (Privilege.INSPECTOR,),
    SignOffKind.REJECTION: (Privilege.INSPECTOR, Privilege.CERTIFYING_STAFF),
    SignOffKind.CLOSURE: (Privilege.CERTIFYING_STAFF,),
}

title = named("The title", 300)
reference = named("The reference", 200)
instructions = paragraphs("The instructions", 20_000)
note = paragraphs("The note", 4_000)


def closing(inspection_required: bool) -> Step:
    return CLOSE_INSPECTED if inspection_required else CLOSE


def inspectable(inspection_required: bool) -> None:
    if not inspection_required:
        raise refuse(ErrorCode.NOT_ALLOWED, "The task card needs no inspection; it can be closed.")


def independent(inspector: UUID, performers: Collection[UUID]) -> None:
    """14 CFR 121.371(c): no person may perform a required inspection if that person performed the item of work
    required to be inspected. Whoever signed for a part of it has performed it, before a rejection too."""
    if inspector in performers:
        raise refuse(
            ErrorCode.NOT_ALLOWED,
            "You have signed work on this card; somebody who has not must inspect it (14 CFR 121.371(c)).",
        )


def editable(status: str, signed: bool) -> None:
    """What was signed is what the card said."""
    if status not in (Status.OPEN, Status.IN_PROGRESS):
        raise refuse(ErrorCode.NOT_ALLOWED, f"The task card is {status}: it changes no more.")
    if signed:
        raise refuse(ErrorCode.NOT_ALLOWED, "The task card bears a signature: it changes no more.")


def cancellable(signed: bool) -> None:
    if signed:
        raise refuse(ErrorCode.NOT_ALLOWED, "Work has been signed on this card: it is finished, not cancelled.")

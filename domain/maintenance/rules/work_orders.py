"""The states of a work order, and what it may say."""

from collections.abc import Iterable
from datetime import date

from db.maintenance.task_cards import TaskCardStatus
from db.maintenance.work_orders import WorkOrderStatus as Status
from domain.errors import ErrorCode, UserError, UserErrors, refuse
from domain.fleet.rules.texts import named
from domain.maintenance.rules.steps import Step
from domain.maintenance.rules.wording import paragraphs

OPEN = Step("opened", (Status.DRAFT,), Status.OPEN)
START = Step("started", (Status.OPEN,), Status.IN_PROGRESS)
COMPLETE = Step("completed", (Status.IN_PROGRESS,), Status.AWAITING_RELEASE)
RELEASE = Step("released", (Status.AWAITING_RELEASE,), Status.RELEASED)
# A certificate that supersedes another leaves the work order as it is.
RELEASE_AGAIN = Step("released again", (Status.RELEASED, Status.CLOSED), Status.RELEASED)
CLOSE = Step("closed", (Status.RELEASED,), Status.CLOSED)
CANCEL = Step("cancelled", (Status.DRAFT, Status.OPEN, Status.IN_PROGRESS), Status.CANCELLED)

PLANNED = (Status.DRAFT, Status.OPEN, Status.IN_PROGRESS)
FINISHED = (TaskCardStatus.CLOSED, TaskCardStatus.CANCELLED)  # of a card
AT_WORK = (Status.OPEN, Status.IN_PROGRESS)

title = named("The title", 200)
description = paragraphs("The description", 10_000)
reason = named("The reason", 1_000)


def plannable(status: str) -> None:
    """Its record and its cards change until the work is completed: what is released is what was signed."""
    if status not in PLANNED:
        raise refuse(
            ErrorCode.NOT_ALLOWED,
            f"The work order is {status}: it and its task cards change no more; make another work order.",
        )


def workable(status: str) -> None:
    """Work begins when planning has opened the work order."""
    if status not in AT_WORK:
        first = " open it first." if status == Status.DRAFT else " no work is done on it any more."
        raise refuse(ErrorCode.NOT_ALLOWED, f"The work order is {status}:{first}")


def period(start: date | None, end: date | None) -> None:
    if start is not None and end is not None and end < start:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"The planned end ({end}) is before the planned start ({start}).")


def openable(cards: Iterable[str]) -> None:
    """`cards` are the states of its cards: without one there is nothing to do."""
    if all(status == TaskCardStatus.CANCELLED for status in cards):
        raise refuse(ErrorCode.REQUIRED, "The work order has no task card; add what is to be done.")


def complete(cards: Iterable[tuple[int, str, str]]) -> None:
    """`cards` are (number, title, state). Each that is not finished is a refusal of its own.

    145.A.50(a): a certificate is issued when all maintenance ordered has been carried out; what was not ordered any
    more is a card that planning has cancelled.
    """
    listed = list(cards)
    found = [
        UserError(ErrorCode.NOT_ALLOWED, f"Task card {number} ({title}) is {status}; close or cancel it.", ("id",))
        for number, title, status in listed
        if status not in FINISHED
    ]
    if not found and not any(status == TaskCardStatus.CLOSED for *_, status in listed):
        message = "No task card is closed, so there is no work to release; cancel the work order instead."
        found.append(UserError(ErrorCode.NOT_ALLOWED, message, ("id",)))
    if found:
        raise UserErrors(*found)


def cancellable(signed: Iterable[int]) -> None:
    """`signed` are the numbers of cards that bear signatures: work that was done is released, not forgotten
    (145.A.50(a), 14 CFR 43.9(a): every maintenance performed is recorded and approved for return to service)."""
    if numbers := sorted(signed):
        listed = ", ".join(map(str, numbers))
        raise refuse(
            ErrorCode.NOT_ALLOWED,
            f"Work has been signed on task card {listed}: cancel the cards without signatures, finish the others and"
            " release the aircraft.",
        )

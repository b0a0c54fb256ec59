"""What a certificate says, word for word and block by block.

Sources: AMC 145.A.50(b) for the statement and the contents of a certificate of release to service of an aircraft;
Appendix II to Annex I (Part-M) of Regulation (EU) No 1321/2014 for EASA Form 1; FAA Order 8130.21 and 14 CFR 43.9 for
FAA Form 8130-3. Blocks 13a to 13e are for new items and are blanked out after maintenance.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from db.maintenance.releases import CertificateForm, ComponentWork
from domain.fleet.rules.hours import as_hours

FORMAT = 1
"""Counts the designs of the content, so that a reader of an old certificate knows what to expect."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

STATEMENTS: dict[CertificateForm, str] = {
    CertificateForm.CRS: (
        "Certifies that the work specified, except as otherwise specified, was carried out in accordance with Part-145 "
        "and in respect to that work the aircraft is considered ready for release to service."
    ),
    CertificateForm.EASA_FORM_1: (
        "Certifies that unless otherwise specified in block 12, the work identified in block 11 and described in block "
        "12, was accomplished in accordance with Part-145 and in respect to that work the items are considered ready "
        "for release to service."
    ),
    CertificateForm.FAA_8130_3: (
        "Certifies that unless otherwise specified in Block 12, the work identified in Block 11 and described in Block "
        "12 was accomplished in accordance with Title 14, Code of Federal Regulations, part 43 and in respect to that "
        "work, the items are approved for return to service."
    ),
}

WORDS_OF_WORK: dict[ComponentWork, str] = {
    ComponentWork.OVERHAULED: "Overhauled",
    ComponentWork.REPAIRED: "Repaired",
    ComponentWork.INSPECTED_TESTED: "Inspected/Tested",
    ComponentWork.MODIFIED: "Modified",
}


@dataclass(frozen=True)
class Issuer:
    """The head of a certificate, as the number series has it."""

    name: str
    address: str
    authority: str
    approval_reference: str


@dataclass(frozen=True)
class Signatory:
    user_id: UUID
    name: str
    authorisation: str
    licence: str | None


@dataclass(frozen=True)
class Head:
    """What every certificate begins with."""

    form: CertificateForm
    number: str
    issuer: Issuer
    signatory: Signatory
    released_on: date
    released_at: datetime
    time_zone: str
    supersedes: str | None = None


@dataclass(frozen=True)
class Airframe:
    registration: str
    manufacturer: str
    model: str
    serial_number: str
    minutes: int
    cycles: int


@dataclass(frozen=True)
class DoneWork:
    """A task card that was closed. `done_on` is the day of its last signature; `left` is what was not done of it."""

    number: int
    title: str
    reference: str | None
    done_on: date | None
    left: str | None = None


@dataclass(frozen=True)
class Deferred:
    """A defect that stays open under the minimum equipment list."""

    number: int
    description: str
    category: str
    mel_item: str
    due: str


@dataclass(frozen=True)
class Order:
    number: int
    title: str


@dataclass(frozen=True)
class Part:
    description: str
    part_number: str
    serial_number: str
    minutes: int
    cycles: int
    minutes_since_overhaul: int | None = None
    cycles_since_overhaul: int | None = None


@dataclass(frozen=True)
class Remarks:
    """What the signatory wrote; None where there is nothing to say."""

    limitations: str | None = None
    incomplete_work: str | None = None
    remarks: str | None = None


def numbered(prefix: str, digits: int, number: int) -> str:
    """The `number`-th of a series: zeros in front to `digits`, which a longer number outgrows."""
    return f"{prefix}{number:0{digits}d}"


def of_aircraft(
    head: Head, order: Order, airframe: Airframe, work: list[DoneWork], deferred: list[Deferred], said: Remarks
) -> dict[str, Any]:
    """The content of a certificate of release to service (AMC 145.A.50(b); 14 CFR 43.9(a), 43.11(a))."""
    return {
        **_head(head),
        "aircraft": {
            "registration": airframe.registration,
            "manufacturer": airframe.manufacturer,
            "model": airframe.model,
            "serialNumber": airframe.serial_number,
            "totalMinutes": airframe.minutes,
            "totalHours": as_hours(airframe.minutes),
            "totalCycles": airframe.cycles,
        },
        "workOrder": {"number": str(order.number), "title": order.title},
        "work": [
            {
                "number": str(card.number),
                "title": card.title,
                "reference": card.reference,
                "doneOn": card.done_on.isoformat() if card.done_on else None,
                "notDone": card.left,
            }
            for card in work
        ],
        "deferredDefects": [
            {
                "number": str(defect.number),
                "description": defect.description,
                "category": defect.category,
                "melItem": defect.mel_item,
                "due": defect.due,
            }
            for defect in deferred
        ],
        "limitations": said.limitations,
        "incompleteWork": said.incomplete_work,
        "remarks": said.remarks,
    }


def of_component(head: Head, order: Order | None, part: Part, work: ComponentWork, said: Remarks) -> dict[str, Any]:
    """The content of an EASA Form 1 or FAA Form 8130-3 after maintenance: its blocks by their numbers."""
    issuer, signatory = head.issuer, head.signatory
    return {
        **_head(head),
        "blocks": {
            "1": issuer.authority,
            "3": head.number,
            "4": f"{issuer.name}\n{issuer.address}",
            "5": str(order.number) if order else "",
            "6": "1",
            "7": part.description,
            "8": part.part_number,
            "9": "1",
            "10": part.serial_number,
            "11": WORDS_OF_WORK[work],
            "12": "\n".join(_block_12(part, said)),
            "14a": STATEMENTS[head.form],
            "14b": f"Signed electronically\nAuthorisation {signatory.authorisation}",
            "14c": issuer.approval_reference,
            "14d": signatory.name,
            "14e": block_date(head.form, head.released_on),
        },
    }


def block_date(form: CertificateForm, day: date) -> str:
    """Block 14e: "dd mmm yyyy" on EASA Form 1, "dd/mmm/yyyy" on FAA Form 8130-3; months in English on both."""
    separator = "/" if form is CertificateForm.FAA_8130_3 else " "
    return separator.join((f"{day.day:02d}", MONTHS[day.month - 1], str(day.year)))


def _block_12(part: Part, said: Remarks) -> list[str]:
    """Remarks, limitations and life: what the installer needs to judge the item (Part-M Appendix II, block 12)."""
    lines = [said.remarks] if said.remarks else []
    if said.limitations:
        lines.append(f"Limitations: {said.limitations}")
    if said.incomplete_work:
        lines.append(f"Not done: {said.incomplete_work}")
    lines.append(f"Since new: {as_hours(part.minutes)} hours, {part.cycles} cycles.")
    if part.minutes_since_overhaul is not None:
        lines.append(
            f"Since overhaul: {as_hours(part.minutes_since_overhaul)} hours, {part.cycles_since_overhaul} cycles."
        )
    return lines


def _head(head: Head) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "form": str(head.form),
        "number": head.number,
        "supersedes": head.supersedes,
        "issuer": {
            "name": head.issuer.name,
            "address": head.issuer.address,
            "authority": head.issuer.authority,
            "approvalReference": head.issuer.approval_reference,
        },
        "statement": STATEMENTS[head.form],
        "signatory": {
            "id": f"usr_{head.signatory.user_id}",
            "name": head.signatory.name,
            "authorisation": head.signatory.authorisation,
            "licence": head.signatory.licence,
        },
        "releasedOn": head.released_on.isoformat(),
        "releasedAt": head.released_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "timeZone": head.time_zone,
    }

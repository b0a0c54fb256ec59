"""What certificates say, block by block, and how they are numbered."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from db.maintenance.releases import CertificateForm, ComponentWork
from domain.errors import UserErrors
from domain.maintenance.rules import certificates, series
from domain.maintenance.rules.certificates import (
    Airframe,
    Deferred,
    DoneWork,
    Head,
    Issuer,
    Order,
    Part,
    Remarks,
    Signatory,
)

CRS, EASA, FAA = CertificateForm

HEAD = Head(
    form=CRS,
    number="CRS-000007",
    issuer=Issuer("Skyline Maintenance", "Hangar 4\nLisbon", "EASA / Portugal", "PT.145.0123"),
    signatory=Signatory(UUID(int=5), "Ana Sousa", "SKY-C-014", "PT.66.4711"),
    released_on=date(2026, 3, 1),
    released_at=datetime(2026, 2, 28, 23, 30, tzinfo=UTC),
    time_zone="Europe/Berlin",
)
PART = Part("Fuel pump", "8410-3", "A 17", minutes=90_061, cycles=1_502)


@pytest.mark.parametrize(
    ("prefix", "digits", "number", "shown"),
    [
        ("CRS-", 6, 1, "CRS-000001"),
        ("CRS-", 6, 999_999, "CRS-999999"),
        ("CRS-", 6, 1_000_000, "CRS-1000000"),
        ("A", 1, 12, "A12"),
    ],
)
def test_numbers(prefix: str, digits: int, number: int, shown: str) -> None:
    assert certificates.numbered(prefix, digits, number) == shown


@pytest.mark.parametrize(
    ("form", "day", "shown"),
    [
        # EASA Form 1, 14e: "dd mmm yyyy"; FAA Form 8130-3, 14e: "dd/mmm/yyyy".
        (EASA, date(2026, 2, 3), "03 Feb 2026"),
        (EASA, date(2024, 2, 29), "29 Feb 2024"),
        (FAA, date(2026, 2, 3), "03/Feb/2026"),
        (FAA, date(2026, 12, 31), "31/Dec/2026"),
    ],
)
def test_dates_in_block_14e(form: CertificateForm, day: date, shown: str) -> None:
    assert certificates.block_date(form, day) == shown


def test_a_certificate_of_release_to_service() -> None:
    """AMC 145.A.50(b): the statement word for word, the work, hours and cycles, limitations, what was not done."""
    made = certificates.of_aircraft(
        replace(HEAD, supersedes="CRS-000003"),
        Order(12, "A-check"),
        Airframe("CS-TAC", "Airbus", "A320-214", "2233", 1_735_602, 14_001),
        [
            DoneWork(1, "Lubricate the doors", "52-11-00", date(2026, 2, 27)),
            DoneWork(2, "Change tyre", None, None, "Right side"),
        ],
        [Deferred(9, "Reading light", "C", "33-20-01", "2026-03-10")],
        Remarks(limitations="No RVSM"),
    )
    assert made["statement"] == (
        "Certifies that the work specified, except as otherwise specified, was carried out in accordance with Part-145 "
        "and in respect to that work the aircraft is considered ready for release to service."
    )
    assert made["aircraft"] == {
        "registration": "CS-TAC",
        "manufacturer": "Airbus",
        "model": "A320-214",
        "serialNumber": "2233",
        "totalMinutes": 1_735_602,
        "totalHours": "28926:42",
        "totalCycles": 14_001,
    }
    assert [(card["doneOn"], card["notDone"]) for card in made["work"]] == [("2026-02-27", None), (None, "Right side")]
    assert made["deferredDefects"][0]["due"] == "2026-03-10"
    assert (made["limitations"], made["incompleteWork"], made["remarks"]) == ("No RVSM", None, None)
    # The day is the organization's: in Berlin it is March already.
    assert (made["releasedOn"], made["releasedAt"]) == ("2026-03-01", "2026-02-28T23:30:00Z")
    assert (made["number"], made["supersedes"]) == ("CRS-000007", "CRS-000003")
    assert made["signatory"]["licence"] == "PT.66.4711"


@pytest.mark.parametrize(
    ("form", "day", "standard"),
    [(EASA, "01 Mar 2026", "in accordance with Part-145"), (FAA, "01/Mar/2026", "Federal Regulations, part 43")],
)
def test_component_forms_block_by_block(form: CertificateForm, day: str, standard: str) -> None:
    made = certificates.of_component(
        replace(HEAD, form=form, number="F1-0001"),
        Order(31, "Shop visit"),
        replace(PART, minutes_since_overhaul=61, cycles_since_overhaul=2),
        ComponentWork.INSPECTED_TESTED,
        Remarks(limitations="Not for ETOPS", incomplete_work="Paint", remarks="Tested per CMM 28-20-01."),
    )
    blocks = made["blocks"]
    assert {number: text for number, text in blocks.items() if number not in ("12", "14a")} == {
        "1": "EASA / Portugal",
        "3": "F1-0001",
        "4": "Skyline Maintenance\nHangar 4\nLisbon",
        "5": "31",
        "6": "1",
        "7": "Fuel pump",
        "8": "8410-3",
        "9": "1",
        "10": "A 17",
        "11": "Inspected/Tested",
        "14b": "Signed electronically\nAuthorisation SKY-C-014",
        "14c": "PT.145.0123",
        "14d": "Ana Sousa",
        "14e": day,
    }
    assert blocks["12"].split("\n") == [
        "Tested per CMM 28-20-01.",
        "Limitations: Not for ETOPS",
        "Not done: Paint",
        "Since new: 1501:01 hours, 1502 cycles.",
        "Since overhaul: 1:01 hours, 2 cycles.",
    ]
    assert standard in blocks["14a"]
    bare = certificates.of_component(HEAD, None, PART, ComponentWork.OVERHAULED, Remarks(remarks="CMM 1"))["blocks"]
    assert (bare["5"], bare["11"], bare["12"]) == ("", "Overhauled", "CMM 1\nSince new: 1501:01 hours, 1502 cycles.")


@pytest.mark.parametrize("text", ["CRS-", "CRS", "c", "F1-", "2026-A"])
def test_prefixes(text: str) -> None:
    assert series.prefix(text) == text.upper()


@pytest.mark.parametrize("text", ["", "CRS1", "7", "-A", "A B-", "ÄB-", "A" * 21])
def test_prefixes_that_are_refused(text: str) -> None:
    with pytest.raises(UserErrors, match="prefix"):
        series.prefix(text)


def test_texts_keep_their_lines() -> None:
    assert series.remarks("  a  b \r\n\n c") == "a b\n\nc"
    with pytest.raises(UserErrors, match="missing"):
        series.remarks(" \n ")
    with pytest.raises(UserErrors, match="printed"):
        series.limitations("a\x07b")
    with pytest.raises(UserErrors, match="4001"):
        series.incomplete_work("x" * 4001)
    for count in (0, 10):
        with pytest.raises(UserErrors, match="digits"):
            series.digits(count)

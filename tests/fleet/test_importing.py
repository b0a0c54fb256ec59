"""Import of fleets from files as they really come."""

import asyncio
import csv
import io
from collections import Counter
from pathlib import Path

import pytest
from openpyxl import Workbook
from sqlalchemy import event, func, select

from db.fleet.aircraft import Aircraft
from db.fleet.aircraft_types import AircraftType
from db.fleet.utilisation import UtilisationEntry
from db.identity.organizations import Organization
from db.session import Database
from domain.context import Actor
from domain.errors import ConflictError, ForbiddenError, NotFoundError
from domain.fleet import importing
from domain.fleet.importing import DateOrder, Report
from tests.factories import fleet
from tests.fleet.files import make

FILES = Path(make.__file__).parent
HEADER = [
    "Registration",
    "Manufacturer",
    "Model",
    "ICAO type",
    "MSN",
    "Hours",
    "Cycles",
    "Manufactured",
    "Status",
    "Base",
]


def a_csv(*rows: list[str], header: list[str] = HEADER, delimiter: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([header, *rows])
    return out.getvalue().encode()


def a_row(registration: str = "D-AIBC", serial: str = "1", **cells: str) -> list[str]:
    values = {"manufacturer": "Airbus", "model": "A320-214", "code": "A320", "hours": "1234:30", "cycles": "800"}
    values |= {"made": "2010-02-03", "status": "Active", "base": "EDDF"} | cells
    v = values
    return [
        registration,
        v["manufacturer"],
        v["model"],
        v["code"],
        serial,
        v["hours"],
        v["cycles"],
        v["made"],
        v["status"],
        v["base"],
    ]


async def load(db: Database, actor: Actor, content: bytes, *, dry_run: bool = False, **options) -> Report:
    async with fleet.command(db, actor) as ctx:
        return await importing.import_aircraft(ctx, content, "fleet", dry_run=dry_run, **options)


async def counts(db: Database, actor: Actor) -> dict[str, int]:
    """Rows of the organization, its events, and the sum of all versions."""
    async with db.tenant(actor.org_id, actor.user_id) as session:
        found = {
            model.__tablename__: await session.scalar(select(func.count()).select_from(model))
            for model in (AircraftType, Aircraft, UtilisationEntry)
        }
        found["versions"] = await session.scalar(select(func.coalesce(func.sum(Aircraft.version), 0)))
    found["events"] = await fleet.count_events(db, actor.org_id)
    return found


async def one(db: Database, actor: Actor, registration: str) -> Aircraft:
    async with db.tenant(actor.org_id, actor.user_id) as session:
        return (await session.scalars(select(Aircraft).where(Aircraft.registration == registration))).one()


def told(report: Report) -> list[tuple[int | None, str]]:
    return [(problem.row.number if problem.row else None, problem.column) for problem in report.problems]


@pytest.mark.parametrize(
    ("name", "count"),
    [("mis_export.csv", 320), ("register.xlsx", 260), ("operator_cp1252.csv", 40), ("unicode_text.txt", 30)],
)
async def test_real_files(db: Database, actor: Actor, name: str, count: int) -> None:
    content = (FILES / name).read_bytes()
    before = await counts(db, actor)
    dry = await load(db, actor, content, dry_run=True)
    assert dry.problems == []
    assert len(dry.created) == dry.rows == count
    assert await counts(db, actor) == before
    report = await load(db, actor, content)
    assert report.problems == []
    after = await counts(db, actor)
    assert after["aircraft"] == after["utilisation_entries"] == count
    assert after["events"] == 2 * count + len(report.types_created)
    again = await load(db, actor, content)
    assert (again.created, again.updated, again.types_created, again.unchanged) == ([], [], [], count)
    assert "Nothing to do" in again.text()
    assert await counts(db, actor) == after


@pytest.mark.parametrize(
    ("name", "seed", "mark"),
    [("mis_export.csv", 1, "D-A"), ("register.xlsx", 2, "G-B"), ("unicode_text.txt", 4, "OE-")],
)
async def test_every_value_arrives(db: Database, actor: Actor, name: str, seed: int, mark: str) -> None:
    assert (await load(db, actor, (FILES / name).read_bytes())).ok
    async with db.tenant(actor.org_id, actor.user_id) as session:
        rows = await session.execute(
            select(Aircraft, AircraftType).join(AircraftType, AircraftType.id == Aircraft.type_id)
        )
        stored = {aircraft.registration: (aircraft, kind) for aircraft, kind in rows}
    statuses = {"In service": "ACTIVE", "Maintenance": "MAINTENANCE", "Stored": "STORED"}
    for item in make.fleet(len(stored), mark, seed):
        aircraft, kind = stored[item["registration"]]
        assert (kind.manufacturer, kind.model) == (item["manufacturer"], item["model"])
        assert aircraft.serial_number == item["serial"]
        assert (aircraft.total_minutes, aircraft.total_cycles) == (item["minutes"], item["cycles"])
        assert aircraft.manufactured_on == item["manufactured"]
        assert aircraft.status == statuses[item["status"]]
        if name != "register.xlsx":
            assert (kind.icao_designator, aircraft.base_airport) == (item["designator"], item["base"])
            assert kind.category == ("HELICOPTER" if item["designator"] == "A139" else "AEROPLANE")


@pytest.mark.parametrize("name", list(make.DEFECTS))
async def test_every_defect_is_named(db: Database, actor: Actor, name: str) -> None:
    before = await counts(db, actor)
    report = await load(db, actor, (FILES / name).read_bytes())
    assert Counter(told(report)) == Counter((row, column) for row, column, _ in make.DEFECTS[name])
    for row, column, text in make.DEFECTS[name]:
        messages = [p.message for p in report.problems if p.row and p.row.number == row and p.column == column]
        assert any(text in message for message in messages), (row, column, messages)
    assert await counts(db, actor) == before
    assert report.created == []
    shown = report.text()
    assert "Nothing was imported" in shown
    assert f"Row {make.DEFECTS[name][0][0]}" in shown
    assert report.as_json()["problems"][0]["row"]


async def test_changed_rows_update_and_blank_cells_leave(db: Database, actor: Actor) -> None:
    assert (await load(db, actor, a_csv(a_row(), a_row("D-AIBD", "2")))).ok
    before = await counts(db, actor)
    changed = a_row("d-aibc", "1x", status="Stored", base="", made="", hours="", cycles="")
    report = await load(db, actor, a_csv(changed, a_row("D-AIBD", "2")))
    assert (report.updated, report.unchanged, report.problems) == (["D-AIBC"], 1, [])
    stored = await one(db, actor, "D-AIBC")
    assert (stored.serial_number, stored.status, stored.base_airport, stored.version) == ("1X", "STORED", "EDDF", 2)
    after = await counts(db, actor)
    assert (after["events"], after["versions"]) == (before["events"] + 1, before["versions"] + 1)
    event = (await fleet.events_of(db, stored.id))[-1]
    assert (event.type, event.before) == ("aircraft.updated", {"serial_number": "1", "status": "ACTIVE"})
    assert event.after == {"serial_number": "1X", "status": "STORED"}


async def test_serial_numbers_may_be_swapped(db: Database, actor: Actor) -> None:
    assert (await load(db, actor, a_csv(a_row("D-AA", "1"), a_row("D-BB", "2")))).ok
    report = await load(db, actor, a_csv(a_row("D-AA", "2"), a_row("D-BB", "1")))
    assert report.updated == ["D-AA", "D-BB"]
    assert (await one(db, actor, "D-BB")).serial_number == "1"


async def test_totals_are_compared_with_the_log(db: Database, actor: Actor) -> None:
    assert (await load(db, actor, a_csv(a_row()))).ok
    stored = await one(db, actor, "D-AIBC")
    await fleet.flight(db, actor, stored.id, minutes=90, cycles=1)
    report = await load(db, actor, a_csv(a_row()))
    assert told(report) == [(2, "Hours"), (2, "Cycles")]
    assert "1236:00 hours in its utilisation log, the file says 1234:30; record" in report.problems[0].message
    assert (await load(db, actor, a_csv(a_row(hours="1236:00", cycles="801")))).unchanged == 1


async def test_serial_number_of_another_aircraft(db: Database, actor: Actor) -> None:
    assert (await load(db, actor, a_csv(a_row()))).ok
    report = await load(db, actor, a_csv(a_row("D-AXXX", "1")))
    assert told(report) == [(2, "MSN")]
    assert "change the registration of D-AIBC first" in report.problems[0].message


async def test_manufacture_after_the_first_flight(db: Database, actor: Actor) -> None:
    assert (await load(db, actor, a_csv(a_row(hours="", cycles="")))).ok
    await fleet.flight(db, actor, (await one(db, actor, "D-AIBC")).id)
    report = await load(db, actor, a_csv(a_row(hours="", cycles="", made="2024-05-07")))
    assert told(report) == [(2, "Manufactured")]


async def test_types(db: Database, actor: Actor) -> None:
    for model in ("A320-214", "A320-232"):
        await fleet.aircraft_type(db, actor, model=model)
    header = ["Reg", "Type", "Make", "S/N"]
    rows = [
        ["D-AA", "a320-214", "", "1"],
        ["D-AB", "Airbus A320-232", "", "2"],
        ["D-AC", "A320", "", "3"],
        ["D-AD", "Concorde", "", "4"],
        ["D-AE", "Concorde", "BAC", "5"],
        ["D-AF", "", "", "6"],
    ]
    report = await load(db, actor, a_csv(*rows, header=header))
    assert told(report) == [(4, "Type"), (7, "Type")]  # row 5 means the type that row 6 adds
    assert "Airbus A320-214, Airbus A320-232" in report.problems[0].message
    report = await load(db, actor, a_csv(*rows[:2], *rows[3:5], header=header))
    assert (report.types_created, report.problems) == (["BAC Concorde"], [])
    assert any("taken to be an AEROPLANE" in notice for notice in report.assumptions)


async def test_contradictions_about_a_new_type(db: Database, actor: Actor) -> None:
    report = await load(db, actor, a_csv(a_row("D-AA", "1"), a_row("D-AB", "2", code="A319")))
    assert told(report) == [(3, "ICAO type")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"<html><table><tr><td>Reg</td></tr></table></html>", "web page"),
        (b"PK\x03\x04 and nothing", "cannot be read"),
        (b"\xd0\xcf\x11\xe0 and nothing", "cannot be read"),
        (b"\x00\x01\x02\x03\xff\xfe\x00", "neither a workbook nor text"),
        (b"%PDF-1.7\n%\x00\xb5", "neither a workbook nor text"),
        (b"a,b,c\n1,2,3\n", "names the columns"),
        (b"Registration,Hours\nD-AIBC,1\n", "Serial number"),
        (b"Registration,MSN\nD-AIBC,1\n", "every aircraft needs a type"),
        (b"Registration,MSN,Type\n", "nothing below the header"),
        (b"Reg,Tail number,MSN,Type\nD-A,D-B,1,A320\n", "both mean the registration"),
        (b'Registration,MSN,Type\nD-AIBC,"1,A320\n', "not closed"),
    ],
)
async def test_files_that_are_none(db: Database, actor: Actor, content: bytes, message: str) -> None:
    report = await load(db, actor, content)
    assert any(message in str(problem) for problem in report.problems), report.problems
    assert not report.ok
    assert "Nothing was imported" in report.text()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
async def test_delimiters_and_encodings(db: Database, actor: Actor, delimiter: str, encoding: str) -> None:
    text = a_csv(a_row(manufacturer="Zürich, Flug; AG|x"), delimiter=delimiter).decode()
    report = await load(db, actor, text.encode(encoding), dry_run=True)
    assert report.problems == []
    assert report.types_created == ["Zürich, Flug; AG|x A320-214"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
async def test_rows_are_numbered_as_people_see_them(db: Database, actor: Actor, newline: str) -> None:
    text = 'Registration,MSN,Type,Remarks\n\nD-AA,1,A320,"two\nlines"\n\n?,2,A320,\n'.replace("\n", newline)
    report = await load(db, actor, text.encode())
    bad = next(problem for problem in report.problems if problem.column == "Registration")
    assert (bad.row.number, bad.row.line) == (5, 6)
    assert str(bad).startswith("Row 5 (line 6), column 'Registration': '?' is no registration")


async def test_excels_separator_line_is_no_row(db: Database, actor: Actor) -> None:
    content = b"sep=;\r\n" + a_csv(a_row("?"), delimiter=";")
    report = await load(db, actor, content)
    assert [(p.row.number, p.row.line) for p in report.problems] == [(2, 3)]


async def test_what_exports_put_into_cells(db: Database, actor: Actor) -> None:
    rows = [
        a_row('="D-AA"', '="0012"', hours="-", cycles="n/a", base="#N/A", status=""),
        a_row(" D-AB ", "0013", hours="1,234.5", cycles="1,234", made="12-MAR-2010", status="in-service"),
        HEADER,
    ]
    assert (await load(db, actor, a_csv(*rows))).problems == []
    first, second = await one(db, actor, "D-AA"), await one(db, actor, "D-AB")
    assert (first.serial_number, first.total_minutes, first.base_airport) == ("0012", 0, None)
    assert (second.total_minutes, second.total_cycles) == (74070, 1234)


async def test_the_order_of_dates_can_be_told(db: Database, actor: Actor) -> None:
    content = a_csv(a_row(made="03/04/2005"))
    report = await load(db, actor, content)
    assert "2005-04-03 or 2005-03-04" in report.problems[0].message
    assert (await load(db, actor, content, date_order=DateOrder.DAY_FIRST)).ok
    assert str((await one(db, actor, "D-AIBC")).manufactured_on) == "2005-04-03"


async def test_a_workbook_with_numbers_for_everything(db: Database, actor: Actor) -> None:
    book = Workbook()
    book.active.append(["Registration", "MSN", "Manufacturer", "Model", "TSN", "CSN", "Built"])
    book.active.append([12345.0, 4321, "Cessna", 172, 1234.5, 800.0, 38058])
    raw = io.BytesIO()
    book.save(raw)
    assert (await load(db, actor, raw.getvalue())).problems == []
    stored = await one(db, actor, "12345")
    assert (stored.serial_number, stored.total_minutes, str(stored.manufactured_on)) == ("4321", 74070, "2004-03-12")


async def test_two_thousand_rows(db: Database, actor: Actor) -> None:
    aircraft = make.fleet(2_000, "N-", 9)
    rows = [
        a_row(
            i["registration"],
            i["serial"],
            manufacturer=i["manufacturer"],
            model=i["model"],
            code=i["designator"],
            hours=make.clock(i["minutes"]),
            cycles=str(i["cycles"]),
            made=str(i["manufactured"]),
        )
        for i in aircraft
    ]
    steps: list[tuple[str, int, int]] = []
    statements: list[str] = []

    def count(_conn, _cursor, statement, *_rest) -> None:
        statements.append(statement)

    event.listen(db.app.sync_engine, "before_cursor_execute", count)
    report = await load(db, actor, a_csv(*rows), progress=lambda *step: steps.append(step))
    event.remove(db.app.sync_engine, "before_cursor_execute", count)
    assert report.ok
    assert len(report.created) == 2_000
    assert ("Reading rows", 2_000, 2_000) in steps
    assert steps[-1] == ("Writing", 2_008, 2_008)
    # One of them tells those who keep answers, because a command line knows of no quicker way.
    assert len([text for text in statements if "outbox_pending" not in text]) == 8, statements
    assert (await load(db, actor, a_csv(*rows))).unchanged == 2_000


async def test_run_from_the_command_line(db: Database, settings, actor: Actor, tmp_path: Path) -> None:
    async with db.platform() as session:
        slug = await session.scalar(select(Organization.slug).where(Organization.id == actor.org_id))
    path = tmp_path / "fleet.txt"
    path.write_bytes(a_csv(a_row()))
    assert (await importing.run(settings, path, slug, dry_run=True)).created == ["D-AIBC"]
    assert (await importing.run(settings, path, slug)).created == ["D-AIBC"]
    assert (await importing.run(settings, path, slug)).unchanged == 1
    with pytest.raises(NotFoundError):
        await importing.run(settings, path, "no-such-organization")
    with pytest.raises(FileNotFoundError):
        await importing.run(settings, tmp_path / "missing.csv", slug)


async def test_an_aircraft_added_meanwhile_is_a_conflict(db: Database, actor: Actor) -> None:
    async with fleet.command(db, actor) as first:
        await importing.import_aircraft(first, a_csv(a_row()), "fleet")
        second = asyncio.create_task(load(db, actor, a_csv(a_row())))
        await asyncio.sleep(0.5)
        assert not second.done()
    with pytest.raises(ConflictError, match="repeat it"):
        await second
    assert (await load(db, actor, a_csv(a_row()))).unchanged == 1


async def test_import_needs_permission(db: Database, actor: Actor) -> None:
    with pytest.raises(ForbiddenError):
        await load(db, Actor(actor.org_id, actor.user_id, frozenset({"FLEET_READ"})), a_csv(a_row()))

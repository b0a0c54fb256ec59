"""Makes the files beside it: exports of fleets as maintenance systems, registers and spreadsheets write them.

    .venv/bin/python -m tests.fleet.files.make

The data are invented, the same at every run. `*_defects` files have the defects that `DEFECTS` lists.
"""

import csv
import io
import random
import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from openpyxl import Workbook

HERE = Path(__file__).parent
TYPES = [
    ("Airbus", "A320-214", "A320", "EDDF"),
    ("Airbus", "A321-271NX", "A21N", "EDDM"),
    ("Boeing", "737-8AS", "B738", "EIDW"),
    ("ATR", "72-600", "AT76", "EKCH"),
    ("De Havilland Canada", "DHC-8-402", "DH8D", "LOWW"),
    ("Embraer", "ERJ 190-100 LR", "E190", "LFPG"),
    ("Cessna", "208B Grand Caravan", "C208", "HKNW"),
    ("Leonardo", "AW139", "A139", "ENZV"),
]
STATUSES = ["In service"] * 8 + ["Maintenance", "Stored"]

# By file: (row as a spreadsheet shows it, header, what the message says)
DEFECTS: dict[str, list[tuple[int, str, str]]] = {
    "mis_export_defects.csv": [
        (9, "Reg.", "is in row 6 already"),
        (12, "MSN", "The serial number is missing"),
        (15, "Mfg date", "no date of the calendar"),
        (18, "Mfg date", "in the future"),
        (21, "TTAF", "minutes go from 00 to 59"),
        (24, "TTAF", "is negative"),
        (27, "Reg.", "has a space"),
        (30, "Cycles", "no whole number"),
        (33, "Status", "is no status"),
        (36, "Home base", "IATA"),
        (39, "MSN", "of the same type and has the same serial number"),
        (42, "Reg.", "The registration is missing"),
        (45, "Mfg date", "two digits"),
        (48, "TTAF", "can mean 12345 hours or 12.345 hours"),
        (48, "Cycles", "no whole number"),
    ],
    "register_defects.xlsx": [
        (8, "Tail number", "is no registration"),
        (10, "Date of manufacture", "can mean 2005-04-03 or 2005-03-04"),
        (12, "Serial no", "The spreadsheet made a date"),
        (14, "Aircraft type", "There is no aircraft type 'Concorde'"),
        (16, "Tail number", "is in row 7"),
        (18, "Total hours", "no flight time"),
        (20, "Date of manufacture", "before 1910"),
        (22, "Aircraft type", "The aircraft type is missing"),
    ],
}


def fleet(count: int, mark: str, seed: int) -> list[dict[str, Any]]:
    """`count` invented aircraft, registered `mark`AAA onwards."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        manufacturer, model, code, base = TYPES[chance.randrange(len(TYPES))]
        letters = "".join(chr(65 + number // 26**place % 26) for place in (2, 1, 0))
        minutes = chance.randrange(2_000, 4_000_000)
        found.append(
            {
                "registration": mark + letters,
                "manufacturer": manufacturer,
                "model": model,
                "designator": code,
                "serial": str(1000 + number * 7),
                "minutes": minutes,
                "cycles": minutes // chance.randrange(60, 150),
                "manufactured": date(1998, 1, 1) + timedelta(days=chance.randrange(9_000)),
                "status": chance.choice(STATUSES),
                "base": base,
            }
        )
    return found


def clock(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02d}"


def mis_export(aircraft: list[dict[str, Any]]) -> list[list[str]]:
    """A maintenance system's export: title lines, semicolons, dotted dates, a page break's blank line, no final one."""
    rows = [["Fleet status report", "", "", "", "", "", "", "", "", ""], ["Printed 03.11.2025 07:12"], []]
    rows.append(
        ["Reg.", "Manufacturer", "Model", "ICAO type", "MSN", "Mfg date", "TTAF", "Cycles", "Status", "Home base"]
    )
    for number, item in enumerate(aircraft):
        if number and number % 50 == 0:
            rows.append([])
        rows.append(
            [
                item["registration"],
                item["manufacturer"],
                item["model"],
                item["designator"],
                item["serial"],
                f"{item['manufactured']:%d.%m.%Y}",
                clock(item["minutes"]),
                str(item["cycles"]),
                item["status"],
                item["base"],
            ]
        )
    return rows


def spoil_mis_export(rows: list[list[str]]) -> None:
    def put(row: int, column: int, value: str) -> None:
        rows[row - 1][column] = value

    put(9, 0, rows[5][0].lower())
    put(12, 4, " ")
    put(15, 5, "31.02.2011")
    put(18, 5, "01.05.2199")
    put(21, 6, "12034:75")
    put(24, 6, "-120:30")
    put(27, 0, "D ABCD")
    put(30, 7, "1200,5")
    put(33, 8, "Lost?")
    put(36, 9, "FRA")
    for column in (1, 2, 3, 4):
        put(39, column, rows[37][column])
    put(42, 0, "")
    put(45, 5, "12.03.04")
    put(48, 6, "12.345")
    put(48, 7, "many")


def register(aircraft: list[dict[str, Any]], *, spoiled: bool) -> Workbook:
    """A planner's workbook: a cover sheet first, real dates, durations and numbers, a comment column."""
    book = Workbook()
    book.active.title = "Read me"
    book.active["A1"] = "Fleet register. See the next sheet."
    sheet = book.create_sheet("Fleet")
    sheet["B1"] = "Fleet register, all bases"
    headers = ["Tail number", "Aircraft type", "Make", "Serial no", "Date of manufacture", "Total hours"]
    headers += ["Landings", "State", "Remarks", "Engines"]
    for column, header in enumerate(headers, 1):
        sheet.cell(4, column, header)
    for row, item in enumerate(aircraft, 5):
        hours: Any = timedelta(minutes=item["minutes"]) if row % 3 else item["minutes"] / 60
        values = [item["registration"], item["model"], item["manufacturer"], int(item["serial"])]
        values += [item["manufactured"], hours, item["cycles"], item["status"], "Ok\nchecked" if row % 9 == 0 else None]
        for column, value in enumerate([*values, 2 if item["designator"] != "C208" else 1], 1):
            cell = sheet.cell(row, column, value)
            if isinstance(value, timedelta):
                cell.number_format = "[h]:mm"
    if spoiled:
        spoil_register(sheet)
    return book


def spoil_register(sheet: Any) -> None:
    sheet["A8"] = "?!"
    sheet["E10"] = "03/04/2005"
    sheet["D12"] = datetime(2025, 12, 3)
    sheet["B14"], sheet["C14"] = "Concorde", None
    sheet["A16"] = sheet["A7"].value
    sheet["F18"] = "about 900"
    sheet["E20"] = 2004
    sheet["B22"] = sheet["C22"] = None


def csv_text(rows: list[list[str]], delimiter: str, *, newline: str = "\r\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=newline).writerows(rows)
    return out.getvalue()


def save(book: Workbook, name: str) -> None:
    """Save a workbook without the times of its making, so that the same data give the same bytes."""
    raw = io.BytesIO()
    book.save(raw)
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(HERE / name, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in sorted(source.namelist()):
            if entry != "docProps/core.xml":
                target.writestr(zipfile.ZipInfo(entry), source.read(entry), zipfile.ZIP_DEFLATED)
            else:
                empty = (
                    '<?xml version="1.0"?><cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006'
                )
                target.writestr(zipfile.ZipInfo(entry), f'{empty}/metadata/core-properties"/>')


def simple(aircraft: list[dict[str, Any]]) -> list[list[str]]:
    """A small operator's list: quoted new lines, decimal hours with thousands, months by name."""
    rows = [["Reg", "Mfr", "Type", "S/N", "Hours (TSN)", "Landings", "Built", "Remarks"]]
    for number, item in enumerate(aircraft):
        remark = "Überholt\nbei Müller & Söhne, Egelsbach" if number % 10 == 3 else ""
        hours = f"{item['minutes'] // 6 / 10:,.1f}"
        built = f"{item['manufactured']:%d-%b-%Y}".upper()
        named = [item["registration"], item["manufacturer"], item["model"], item["serial"]]
        rows.append([*named, hours, f"{item['cycles']:,}", built, remark])
    return rows


def main() -> None:
    rows = mis_export(fleet(320, "D-A", 1))
    (HERE / "mis_export.csv").write_bytes(csv_text(rows, ";").encode("utf-8-sig"))
    spoil_mis_export(rows)
    (HERE / "mis_export_defects.csv").write_bytes(csv_text(rows, ";").encode("utf-8-sig"))
    save(register(fleet(260, "G-B", 2), spoiled=False), "register.xlsx")
    save(register(fleet(260, "G-B", 2), spoiled=True), "register_defects.xlsx")
    (HERE / "operator_cp1252.csv").write_bytes(csv_text(simple(fleet(40, "HB-", 3)), ",").encode("cp1252"))
    (HERE / "unicode_text.txt").write_bytes(csv_text(mis_export(fleet(30, "OE-", 4)), "\t").encode("utf-16"))


if __name__ == "__main__":
    main()

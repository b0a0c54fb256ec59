"""The due list: what SQL says of a generated fleet is what the rules in Python say, and it is paged and counted."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select

from db.base import Base
from db.events import outbox
from db.fleet.aircraft import Aircraft
from db.fleet.components import Component, Installation
from db.fleet.utilisation import UtilisationEntry
from db.identity.organizations import Organization
from db.maintenance.directives import (
    Directive,
    DirectiveApplicability,
    DirectiveDecision,
    DirectiveEntry,
    DirectiveState,
    DirectiveStatus,
)
from db.maintenance.due import DueItem
from db.maintenance.programme import Accomplishment, AircraftProgramme, Programme, ProgrammeTask
from db.session import Database
from domain.context import Actor
from domain.fleet.rules.utilisation import local_date
from domain.maintenance.rules import directives as rules
from domain.maintenance.rules.due import Rate, assess
from domain.maintenance.rules.intervals import Due, Limits, Reading, Tolerance, add_months, first_step, next_due
from tests.factories import fleet
from tests.factories.api import Api
from tests.factories.events import event

UNITS = ("minutes", "cycles", "days", "months")
TODAY = datetime.now(UTC).date()
AIRCRAFT, TASKS, PARTS, DIRECTIVES = 8, 16, 3, 12


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


class Fleet:
    """Rows past the commands, so that every corner of the rules is met, in few statements."""

    def __init__(self, org_id: UUID, type_ids: list[UUID]) -> None:
        self.random, self.org, self.types = random.Random(11), org_id, type_ids
        self.rows: dict[type[Base], list[dict[str, Any]]] = {}

    def add(self, model: type[Base], **values: Any) -> UUID:
        made = UUID(int=self.random.getrandbits(128), version=4)
        self.rows.setdefault(model, []).append({"org_id": self.org, "id": made, **values})
        return made

    def some(self, *values: Any) -> Any:
        return self.random.choice(values)

    def limits(self, kind: str, units: tuple[str, ...] = UNITS) -> dict[str, int | None]:
        longest = {"minutes": 9_000, "cycles": 90, "days": 200, "months": 7}
        return {
            f"{kind}_{unit}": self.random.randint(1, longest[unit]) if self.random.random() < 0.35 else None
            for unit in units
        }

    def make(self) -> None:
        programmes = [self.add(Programme, name=f"P{n}", type_id=self.types[n % 2]) for n in range(2)]
        tasks = [self.task(programmes[n % 2], n) for n in range(2 * TASKS)]
        planes = [self.aircraft(n, programmes) for n in range(AIRCRAFT)]
        parts = [self.component(n, planes) for n in range(AIRCRAFT * PARTS)]
        for n in range(DIRECTIVES):
            self.directive(n, planes)
        for plane in planes:
            for task in tasks:
                self.done(
                    plane,
                    task,
                    None if self.rows[ProgrammeTask][tasks.index(task)]["part_number"] is None else self.some(*parts),
                )

    def task(self, programme: UUID, n: int) -> UUID:
        limits = self.limits("interval") | (self.limits("threshold") if n % 3 == 0 else {})
        limits = {f"threshold_{unit}": None for unit in UNITS} | limits
        if not any(limits.values()):
            limits["interval_months"] = 1
        withdrawn, number = ago(1) if n % 11 == 10 else None, f"PN-{n % 2}" if n % 4 == 3 else None
        tolerance = {f"tolerance_{unit}": self.some(0, 5) for unit in UNITS[:3]}
        named = {"code": f"T{n}", "title": "Task", "part_number": number, "withdrawn_on": withdrawn}
        return self.add(ProgrammeTask, programme_id=programme, **named, **limits, **tolerance)

    def aircraft(self, n: int, programmes: list[UUID]) -> UUID:
        totals = {"total_minutes": self.random.randint(0, 20_000), "total_cycles": self.random.randint(0, 200)}
        born = None if n % 3 == 2 else ago(self.random.randint(1, 300))
        status = "RETIRED" if n == 7 else self.some("ACTIVE", "STORED")
        kind = {"type_id": self.types[n % 2], "serial_number": str(95 + n)}
        plane = self.add(Aircraft, registration=f"D-{n:03}", status=status, manufactured_on=born, **kind, **totals)
        self.add(AircraftProgramme, aircraft_id=plane, programme_id=programmes[n % 2], since=ago(n))
        began = self.some(5, 60, 200)
        entry = {"aircraft_id": plane, "corrects_id": None}
        opening = self.add(UtilisationEntry, kind="OPENING", flown_on=ago(began), minutes=500, cycles=5, **entry)
        correction = {"aircraft_id": plane, "kind": "CORRECTION", "minutes": 7, "cycles": -1}
        self.add(UtilisationEntry, flown_on=ago(began), corrects_id=opening, **correction)
        for day in range(0, began if n % 4 else 0, 3):
            amount = {"minutes": self.random.randint(1, 600), "cycles": self.some(0, 1, 2)}
            flight = self.add(UtilisationEntry, kind="FLIGHT", flown_on=ago(day), **amount, **entry)
            if day % 4 == 0:
                self.add(UtilisationEntry, flown_on=ago(day), corrects_id=flight, **correction)
        return plane

    def component(self, n: int, planes: list[UUID]) -> UUID:
        limits = {"life_limit_minutes": self.some(None, 900), "life_limit_cycles": self.some(None, 50)}
        born = self.some(None, ago(400))
        limits["life_limit_months"] = self.some(None, 14) if born else None
        named = {"part_number": f"PN-{n % 2}", "serial_number": str(n), "description": "Part"}
        made = self.add(Component, manufactured_on=born, **named, **limits)
        start = {"aircraft_minutes": 0, "aircraft_cycles": 0, "component_minutes": self.some(0, 800)}
        gone: dict[str, Any] = {"removed_on": None, "removed_aircraft_minutes": None, "removed_aircraft_cycles": None}
        if n % 5 == 4:
            gone = {"removed_on": ago(0), "removed_aircraft_minutes": 10, "removed_aircraft_cycles": 1}
        there = {"component_id": made, "aircraft_id": planes[n % AIRCRAFT], "position": f"P{n}", "number": 1}
        self.add(Installation, installed_on=ago(n), component_cycles=3, **there, **start, **gone)
        return made

    def done(self, plane: UUID, task: UUID, component: UUID | None) -> None:
        if self.random.random() < 0.4 or any(
            component and (each["component_id"], each["task_id"]) == (component, task)
            for each in self.rows.get(Accomplishment, [])
        ):
            return
        basis = {"basis_minutes": self.random.randint(0, 20_000), "basis_cycles": self.random.randint(0, 200)}
        life = {"component_minutes": 1, "component_cycles": 1} if component else {}
        life = {"component_minutes": None, "component_cycles": None} | life
        about = {"aircraft_id": plane, "task_id": task, "component_id": component, "minutes": 1, "cycles": 1}
        on = ago(self.random.randint(0, 230))
        self.add(Accomplishment, performed_on=on, basis_on=on, is_latest=True, **about, **basis, **life)

    def directive(self, n: int, planes: list[UUID]) -> None:
        limits = self.limits("threshold", UNITS[:2]) | self.limits("within") | self.limits("interval")
        superseded = self.rows[Directive][0]["id"] if n == 5 else None
        named = {"kind": "AD", "number": f"AD-{n}", "title": "Directive", "issuer": "EASA"}
        effective = ago(self.some(-20, 3, 100))
        made = self.add(Directive, effective_on=effective, superseded_by_id=superseded, **named, **limits)
        for _ in range(self.some(1, 3)):
            ends = {"serial_from": self.some(None, "97", "99"), "serial_to": self.some(None, "100")}
            self.add(DirectiveApplicability, directive_id=made, type_id=self.some(*self.types), **ends)
        for plane in planes:
            decision = self.some(None, None, *DirectiveDecision)
            if decision:
                read = {"minutes": self.random.randint(0, 9_000), "cycles": 4, "method": "M"}
                ends = {"terminating": decision == "COMPLIED" and self.random.random() < 0.3, "decision": decision}
                about = {"aircraft_id": plane, "directive_id": made, "performed_on": ago(self.random.randint(0, 99))}
                self.add(DirectiveEntry, **about, **read, **ends)


class Reference:
    """What is due by the rules, each thing by itself, from the same rows."""

    def __init__(self, rows: dict[type[Base], list[dict[str, Any]]], today: date, window: int, soon: int) -> None:
        self.rows, self.today, self.window, self.soon = rows, today, window, soon

    def all(self, model: type[Base], **values: Any) -> list[dict[str, Any]]:
        return [row for row in self.rows.get(model, []) if all(row[k] == v for k, v in values.items())]

    def rate(self, plane: UUID) -> Rate:
        entries = self.all(UtilisationEntry, aircraft_id=plane)
        openings = {entry["id"] for entry in entries if entry["kind"] == "OPENING"}
        flown = [e for e in entries if e["id"] not in openings and e["corrects_id"] not in openings]
        flown = [entry for entry in flown if entry["flown_on"] > self.today - timedelta(days=self.window)]
        began = min(entry["flown_on"] for entry in entries)
        days = max(1, min(self.window, (self.today - began).days))
        return Rate(days, max(0, sum(e["minutes"] for e in flown)), max(0, sum(e["cycles"] for e in flown)))

    def due(self) -> Iterator[tuple[Any, ...]]:
        for plane in self.all(Aircraft):
            if plane["status"] != "RETIRED":
                life = (plane["total_minutes"], plane["total_cycles"])
                for found in self.of_tasks(plane):
                    yield self.item(plane, *found)
                for directive, _status, due in self.directives(plane):
                    if due != Due():
                        yield self.item(plane, "DIRECTIVE", None, directive, due, life, Tolerance())

    def of_tasks(self, plane: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
        life = (plane["total_minutes"], plane["total_cycles"])
        [follows] = self.all(AircraftProgramme, aircraft_id=plane["id"])
        installed = self.all(Installation, aircraft_id=plane["id"], removed_on=None)
        for task in self.all(ProgrammeTask, programme_id=follows["programme_id"], withdrawn_on=None):
            if task["part_number"] is None:
                about = {"aircraft_id": plane["id"], "component_id": None}
                due = self.next(task, about, plane["manufactured_on"] or follows["since"])
                if due:
                    yield "TASK", None, task["id"], due, life, _tolerance(task)
        for there in installed:
            [part] = self.all(Component, id=there["component_id"])
            own = tuple(
                there[f"component_{unit}"] + plane[f"total_{unit}"] - there[f"aircraft_{unit}"] for unit in UNITS[:2]
            )
            for task in self.all(ProgrammeTask, programme_id=follows["programme_id"], withdrawn_on=None):
                if task["part_number"] == part["part_number"]:
                    due = self.next(
                        task, {"component_id": part["id"]}, part["manufactured_on"] or there["installed_on"]
                    )
                    if due:
                        yield "COMPONENT_TASK", part["id"], task["id"], due, own, _tolerance(task)
            months, born = part["life_limit_months"], part["manufactured_on"]
            ends = add_months(born, months) if months else None
            due = Due(part["life_limit_minutes"], part["life_limit_cycles"], ends)
            if due != Due():
                yield "LIFE_LIMIT", part["id"], None, due, own, Tolerance()

    def next(self, task: dict[str, Any], about: dict[str, Any], born: date) -> Due | None:
        interval = _limits(task, "interval")
        done = self.all(Accomplishment, task_id=task["id"], **about)
        if done:
            basis = Reading(done[0]["basis_minutes"], done[0]["basis_cycles"], done[0]["basis_on"])
            return next_due(basis, interval) if interval else None
        return next_due(Reading(0, 0, born), first_step(_limits(task, "threshold"), interval))

    def directives(self, plane: dict[str, Any]) -> Iterator[tuple[UUID, DirectiveStatus, Due]]:
        for directive in self.all(Directive):
            ranges = self.all(DirectiveApplicability, directive_id=directive["id"], type_id=plane["type_id"])
            if not ranges:
                continue
            applies = any(
                rules.in_range(plane["serial_number"], each["serial_from"], each["serial_to"]) for each in ranges
            )
            entries = self.all(DirectiveEntry, directive_id=directive["id"], aircraft_id=plane["id"])
            decision = DirectiveDecision(entries[0]["decision"]) if entries else None
            superseded = directive["superseded_by_id"] is not None
            status, due = rules.status(applies=applies, superseded=superseded, decision=decision), Due()
            if status is DirectiveStatus.OPEN:
                effective = self.reading(plane["id"], directive["effective_on"])
                threshold, within = _limits(directive, "threshold"), _limits(directive, "within")
                due = rules.first_due(threshold, within, effective)
            elif status is DirectiveStatus.COMPLIED:
                at = Reading(entries[0]["minutes"], entries[0]["cycles"], entries[0]["performed_on"])
                due = rules.due_again(at, _limits(directive, "interval"), terminating=entries[0]["terminating"])
            yield directive["id"], status, due

    def reading(self, plane: UUID, day: date) -> Reading:
        flown = [each for each in self.all(UtilisationEntry, aircraft_id=plane) if each["flown_on"] <= day]
        return Reading(sum(e["minutes"] for e in flown), sum(e["cycles"] for e in flown), day)

    def item(
        self,
        plane: dict[str, Any],
        kind: str,
        component: UUID | None,
        source: UUID | None,
        due: Due,
        life: tuple[int, int],
        tolerance: Tolerance,
    ) -> tuple[Any, ...]:
        found = assess(due, life, tolerance, today=self.today, rate=self.rate(plane["id"]), soon=self.soon)
        about = (kind, plane["id"], component, source, due.minutes, due.cycles, due.on)
        return (*about, *(value if value is None else str(value) for value in vars(found).values()))


def _limits(row: dict[str, Any], kind: str) -> Limits:
    return Limits(*(row.get(f"{kind}_{unit}") for unit in UNITS))


def _tolerance(task: dict[str, Any]) -> Tolerance:
    return Tolerance(*(task[f"tolerance_{unit}"] for unit in UNITS[:3]))


SHOWN = ("remaining_minutes", "remaining_cycles", "remaining_days", "forecast_on", "limiting", "state")
LIST = """query ($after: String) { dueItems(first: 100, after: $after) {
  totalCount pageInfo { hasNextPage endCursor } nodes { id forecastOn state } } }"""
COUNTED = "{ dueItemAggregate(groupBy: [STATE]) { state count } }"
ONE = "query ($id: ID!) { dueItem(id: $id) { id state aircraft { registration } } }"


async def test_sql_and_python_agree_on_a_generated_fleet(db: Database, actor: Actor, api: Api) -> None:
    made = Fleet(actor.org_id, [await fleet.aircraft_type(db, actor) for _ in range(2)])
    made.make()
    async with db.tenant(actor.org_id, actor.user_id) as session:
        for model, rows in made.rows.items():
            await session.execute(insert(model), rows)
        outbox.record(session, event(actor.org_id))
    async with db.tenant(actor.org_id, actor.user_id) as session:
        # One transaction has one `now()`, midnight or not.
        organization, now = (await session.execute(select(Organization, func.now()))).one()
        items = (await session.scalars(select(DueItem))).all()
        states = (await session.scalars(select(DirectiveState))).all()
    today = local_date(now, organization.time_zone)
    reference = Reference(made.rows, today, organization.utilisation_window_days, organization.due_soon_days)
    found = {
        (
            *(item.kind, item.aircraft_id, item.component_id, item.task_id or item.directive_id),
            *(item.due_minutes, item.due_cycles, item.due_on),
            *(value if (value := getattr(item, name)) is None else str(value) for name in SHOWN),
        )
        for item in items
    }
    assert found == set(reference.due())
    assert len(found) == len(items) == len({item.id for item in items}) > 100
    assert {item.state for item in items} == {"OK", "DUE_SOON", "IN_TOLERANCE", "OVERDUE"}
    assert {item.kind for item in items} == {"TASK", "COMPONENT_TASK", "LIFE_LIMIT", "DIRECTIVE"}
    expected = {
        (plane["id"], directive, str(status))
        for plane in made.rows[Aircraft]
        for directive, status, _ in reference.directives(plane)
    }
    assert {(each.aircraft_id, each.directive_id, each.status) for each in states} == expected
    await pages(api, len(items))


async def pages(api: Api, count: int) -> None:
    """The whole list, page by page, in the order of what limits first; each of it by its id."""
    nodes: list[dict[str, Any]] = []
    after = None
    while after is not None or not nodes:
        page = (await api.data(LIST, after=after))["dueItems"]
        assert page["totalCount"] == count
        nodes += page["nodes"]
        after = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
    assert len({node["id"] for node in nodes}) == len(nodes) == count
    days = [node["forecastOn"] or "9999" for node in nodes]
    assert days == sorted(days)
    groups = {each["state"]: each["count"] for each in (await api.data(COUNTED))["dueItemAggregate"]}
    assert groups == {state: sum(node["state"] == state for node in nodes) for state in groups}
    assert (await api.data(ONE, id=nodes[-1]["id"]))["dueItem"]["state"] == nodes[-1]["state"]

"""Cards made from what is due, over HTTP: closing them is what makes it done."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from db.maintenance.directives import DirectiveKind
from db.session import Database
from domain.fleet import components, installations
from domain.maintenance import directives, work_orders
from domain.maintenance.directives import Range
from domain.maintenance.programme import programmes, tasks
from tests.factories import fleet, work
from tests.factories.api import Api
from tests.factories.work import Crew

ERRORS = "errors { code message path }"
ADD = f"""
mutation ($input: AddTaskCardInput!) {{
  addTaskCard(input: $input) {{
    taskCard {{ id title reference instructions inspectionRequired task {{ code }} component {{ serialNumber }} }}
    {ERRORS}
  }}
}}
"""
UPDATE = f"""
mutation ($input: UpdateTaskCardInput!) {{
  updateTaskCard(input: $input) {{ taskCard {{ inspectionRequired }} {ERRORS} }}
}}
"""
DUE = "query ($id: ID!) { aircraft(id: $id) { dueItems { nodes { kind code state } } } }"
DONE = """
query ($id: ID!) {
  accomplishments(where: {taskCardId: {eq: $id}}) {
    nodes { minutes cycles performedOn component { serialNumber } taskCard { number } }
  }
  directiveEntries(where: {taskCardId: {eq: $id}}) { nodes { decision method minutes } }
}
"""
TODAY = datetime.now(UTC).date()


@dataclass(frozen=True)
class Plan:
    """What is due on the crew's aircraft."""

    check: UUID
    pump_task: UUID
    pump: UUID
    directive: UUID


@pytest.fixture
async def plan(db: Database, crew: Crew) -> Plan:
    async with fleet.command(db, crew.planner) as ctx:
        programme = await programmes.create(ctx, name="AMP 1", type_id=crew.type_id)
        await programmes.follow(ctx, aircraft_id=crew.aircraft_id, programme_id=programme, since=TODAY)
        check = await tasks.create(
            ctx,
            programme_id=programme,
            code="27-21",
            title="Rudder travel",
            description="Measure it.\nNote it.",
            interval_minutes=500,
            required_inspection=True,
        )
        pump_task = await tasks.create(
            ctx, programme_id=programme, code="29-11", title="Overhaul", part_number="P-1", interval_minutes=100
        )
        pump = await components.register(ctx, part_number="P-1", serial_number="7", description="Pump")
        await installations.install(ctx, component_id=pump, aircraft_id=crew.aircraft_id, position="ENGINE 1")
        directive = await directives.create(
            ctx,
            kind=DirectiveKind.AD,
            number="2026-0101",
            revision="R1",
            title="Fuel pump",
            issuer="EASA",
            effective_on=TODAY - timedelta(days=30),
            applicability=[Range(crew.type_id)],
            within_days=10,
        )
    return Plan(check, pump_task, pump, directive)


async def test_what_is_due_is_done_by_closing_its_card(db: Database, planner: Api, crew: Crew, plan: Plan) -> None:
    aircraft = f"ac_{crew.aircraft_id}"
    due = (await planner.data(DUE, id=aircraft))["aircraft"]["dueItems"]["nodes"]
    assert {(each["kind"], each["code"]): each["state"] for each in due} == {
        ("TASK", "27-21"): "OVERDUE",
        ("COMPONENT_TASK", "29-11"): "OK",
        ("DIRECTIVE", "2026-0101"): "OVERDUE",
    }
    order, [plain] = await work.work_order(db, crew)
    made = {"workOrderId": f"wo_{order}"}
    check = (await planner.done(ADD, input=made | {"source": {"taskId": f"mt_{plan.check}"}}))["taskCard"]
    assert {**check, "id": ""} == {
        "id": "",
        "title": "27-21 Rudder travel",
        "reference": "27-21",
        "instructions": "Measure it.\nNote it.",
        "inspectionRequired": True,
        "task": {"code": "27-21"},
        "component": None,
    }
    source = {"taskId": f"mt_{plan.pump_task}", "componentId": f"cmp_{plan.pump}"}
    pump = (await planner.done(ADD, input=made | {"source": source, "title": "Pump"}))["taskCard"]
    assert (pump["title"], pump["component"], pump["inspectionRequired"]) == ("Pump", {"serialNumber": "7"}, False)
    ad = (await planner.done(ADD, input=made | {"source": {"directiveId": f"dir_{plan.directive}"}}))["taskCard"]
    assert (ad["title"], ad["reference"]) == ("AD 2026-0101 R1 Fuel pump", "AD 2026-0101 R1")
    for taken in ({"taskId": f"mt_{plan.check}"}, source, {"directiveId": f"dir_{plan.directive}"}):
        assert await planner.refusals(ADD, input=made | {"source": taken}) == [("TAKEN", ["input", "source"])]

    cards = [UUID(card["id"].removeprefix("tc_")) for card in (check, pump, ad)]
    await work.done(db, crew, plain, *cards[:2])
    await fleet.flight(db, crew.planner, crew.aircraft_id, minutes=60)  # of another day, recorded after the signature
    async with fleet.command(db, crew.planner) as ctx:
        obstacles = [each.message for each in await work_orders.release_obstacles(ctx, order, TODAY)]
        assert len([text for text in obstacles if "2026-0101" in text and "overdue" in text]) == 1
    await work.done(db, crew, cards[2])
    async with fleet.command(db, crew.planner) as ctx:
        await work_orders.complete(ctx, order)
        assert await work_orders.release_obstacles(ctx, order, TODAY) == []
    assert await recorded(planner, check["id"]) == [
        {"minutes": 600, "cycles": 40, "performedOn": str(TODAY), "component": None, "taskCard": {"number": 2}}
    ]
    assert [each["component"] for each in await recorded(planner, pump["id"])] == [{"serialNumber": "7"}]
    entries = (await planner.data(DONE, id=ad["id"]))["directiveEntries"]["nodes"]
    assert entries == [{"decision": "COMPLIED", "method": "Done by AMM 32-41.", "minutes": 660}]
    due = (await planner.data(DUE, id=aircraft))["aircraft"]["dueItems"]["nodes"]
    assert {(each["code"], each["state"]) for each in due} == {("27-21", "OK"), ("29-11", "OK")}


async def recorded(planner: Api, card: str) -> list[dict]:
    return (await planner.data(DONE, id=card))["accomplishments"]["nodes"]


async def test_sources_that_are_none(db: Database, planner: Api, crew: Crew, plan: Plan) -> None:
    order, _ = await work.work_order(db, crew)
    made = {"workOrderId": f"wo_{order}", "title": "Something"}
    task, pump, other = f"mt_{plan.check}", f"cmp_{plan.pump}", uuid7()
    refused = {
        "taskId": [{"taskId": f"mt_{other}"}],
        "componentId": [
            {"taskId": task, "componentId": pump},
            {"taskId": f"mt_{plan.pump_task}"},
            {"taskId": f"mt_{plan.pump_task}", "componentId": f"cmp_{other}"},
            {"directiveId": f"dir_{plan.directive}", "componentId": pump},
        ],
        "directiveId": [{"directiveId": f"dir_{other}"}],
        "defectId": [{"defectId": f"df_{other}"}],
    }
    for path, sources in refused.items():
        for source in sources:
            [(_, found)] = await planner.refusals(ADD, input=made | {"source": source})
            assert found == ["input", "source", path], source
    # What the programme requires, planning cannot take away.
    loose = made | {"source": {"taskId": task}, "inspectionRequired": False}
    assert await planner.refusals(ADD, input=loose) == [("NOT_ALLOWED", ["input", "inspectionRequired"])]
    card = (await planner.done(ADD, input=loose | {"inspectionRequired": None}))["taskCard"]
    change = {"id": card["id"], "expectedVersion": 1, "inspectionRequired": False}
    assert await planner.refusals(UPDATE, input=change) == [("NOT_ALLOWED", ["input", "inspectionRequired"])]

"""A work order from the plan to the release, as the people who work on it see it over HTTP."""

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from db.session import Database
from db.workforce.authorisations import AuthorisationState, Privilege
from domain.maintenance import work_orders
from domain.workforce import authorisations
from tests.factories import fleet, work
from tests.factories.api import Api
from tests.factories.work import Crew

ERRORS = "errors { code message path }"
CREATE = f"""
mutation ($input: CreateWorkOrderInput!) {{
  createWorkOrder(input: $input) {{ workOrder {{ id number status version creator {{ name }} }} {ERRORS} }}
}}
"""
UPDATE = f"""
mutation ($input: UpdateWorkOrderInput!) {{
  updateWorkOrder(input: $input) {{ workOrder {{ title plannedStartOn plannedEndOn version }} {ERRORS} }}
}}
"""
ADD = f"""
mutation ($input: AddTaskCardInput!) {{
  addTaskCard(input: $input) {{ taskCard {{ id number title status inspectionRequired version }} {ERRORS} }}
}}
"""
UPDATE_CARD = f"""
mutation ($input: UpdateTaskCardInput!) {{
  updateTaskCard(input: $input) {{
    taskCard {{ title reference inspectionRequired assignee {{ id }} version }} {ERRORS}
  }}
}}
"""


def order_step(name: str) -> str:
    payload = f"{{ workOrder {{ status unfinishedCards }} {ERRORS} }}"
    return f"mutation ($id: ID!) {{ {name}(id: $id) {payload} }}"


def card_step(name: str, kind: str) -> str:
    payload = f"{{ taskCard {{ status workOrder {{ status }} }} {ERRORS} }}"
    return f"mutation ($input: {kind}!) {{ {name}(input: $input) {payload} }}"


OPEN, COMPLETE, CLOSE = order_step("openWorkOrder"), order_step("completeWorkOrder"), order_step("closeWorkOrder")
START = f"mutation ($id: ID!) {{ startTaskCard(id: $id) {{ taskCard {{ status workOrder {{ status }} }} {ERRORS} }} }}"
PERFORM = card_step("performTaskCard", "PerformTaskCardInput")
INSPECT = card_step("inspectTaskCard", "SignTaskCardInput")
REJECT = card_step("rejectTaskCard", "RejectTaskCardInput")
CLOSE_CARD = card_step("closeTaskCard", "CloseTaskCardInput")
CANCEL_CARD = card_step("cancelTaskCard", "CancelTaskCardInput")
CANCEL = f"""
mutation ($input: CancelWorkOrderInput!) {{
  cancelWorkOrder(input: $input) {{
    workOrder {{ status cancellationReason cards {{ nodes {{ status cancellationReason }} }} }} {ERRORS}
  }}
}}
"""
SIGNATURES = """
query ($id: ID!) {
  taskCard(id: $id) {
    status
    signOffs {
      nodes { kind note totalMinutes totalCycles signedOn signatory { id } authorisation { privilege } }
    }
  }
}
"""


class Hangar:
    """The people of a crew at their screens."""

    def __init__(self, planner: Api, crew: Crew) -> None:
        self.planner = planner
        self.mechanic, self.inspector, self.certifier = (
            planner.as_(person.token) for person in (crew.mechanic, crew.inspector, crew.certifier)
        )
        self.aircraft = f"ac_{crew.aircraft_id}"

    async def plan(self, **values) -> str:
        made = await self.planner.done(CREATE, input={"aircraftId": self.aircraft, "title": "A check"} | values)
        return made["workOrder"]["id"]

    async def card(self, work_order: str, **values) -> str:
        made = await self.planner.done(ADD, input={"workOrderId": work_order, "title": "Change wheel 1"} | values)
        return made["taskCard"]["id"]


async def test_from_the_plan_to_the_release(db: Database, planner: Api, crew: Crew) -> None:
    hangar = Hangar(planner, crew)
    made = (await planner.done(CREATE, input={"aircraftId": hangar.aircraft, "title": " A  check "}))["workOrder"]
    order = made.pop("id")
    assert made == {"number": 1, "status": "DRAFT", "version": 1, "creator": {"name": "Pat Doe"}}
    assert await planner.refusals(OPEN, id=order) == [("REQUIRED", ["id"])]
    added = await planner.done(ADD, input={"workOrderId": order, "title": "Rig the rudder", "inspectionRequired": True})
    card = added["taskCard"].pop("id")
    assert added["taskCard"] == {
        "number": 1,
        "title": "Rig the rudder",
        "status": "OPEN",
        "inspectionRequired": True,
        "version": 1,
    }
    spare = await hangar.card(order)
    assert await hangar.mechanic.refusals(START, id=card) == [("NOT_ALLOWED", ["id"])]
    assert (await planner.done(OPEN, id=order))["workOrder"] == {"status": "OPEN", "unfinishedCards": 2}
    started = {"status": "IN_PROGRESS", "workOrder": {"status": "IN_PROGRESS"}}
    assert (await hangar.mechanic.done(START, id=card))["taskCard"] == started

    # The inspector does a part of the work, and the mechanic the rest.
    part = {"id": card, "note": "Cables tensioned.", "finished": False}
    assert (await hangar.inspector.done(PERFORM, input=part))["taskCard"] == started
    assert await hangar.certifier.refusals(CLOSE_CARD, input={"id": card}) == [("NOT_ALLOWED", ["input", "id"])]
    await hangar.mechanic.done(PERFORM, input={"id": card, "note": "Rudder rigged by AMM 27-21."})
    assert await hangar.inspector.refusals(INSPECT, input={"id": card}) == [("NOT_ALLOWED", ["input"])]
    await work.authorised(db, crew.planner, crew.certifier.user_id, Privilege.INSPECTOR, crew.type_id)
    await hangar.certifier.done(REJECT, input={"id": card, "note": "A turnbuckle is not locked."})
    await hangar.mechanic.done(PERFORM, input={"id": card, "note": "Turnbuckle locked."})
    assert await hangar.certifier.refusals(CLOSE_CARD, input={"id": card}) == [("NOT_ALLOWED", ["input", "id"])]
    inspected = (await hangar.certifier.done(INSPECT, input={"id": card, "note": "Locked."}))["taskCard"]
    assert inspected["status"] == "INSPECTED"
    assert await planner.refusals(COMPLETE, id=order) == [("NOT_ALLOWED", ["id"])] * 2
    await hangar.certifier.done(CLOSE_CARD, input={"id": card})
    await planner.done(CANCEL_CARD, input={"id": spare, "reason": "No wheel in stock"})
    await fleet.flight(db, crew.planner, crew.aircraft_id)
    assert (await planner.done(COMPLETE, id=order))["workOrder"] == {"status": "AWAITING_RELEASE", "unfinishedCards": 0}

    await check_signatures(db, planner, crew, card)
    async with fleet.command(db, crew.planner) as ctx:
        work_order_id = UUID(order.removeprefix("wo_"))
        assert await work_orders.release_obstacles(ctx, work_order_id, ctx.now.date()) == []
        await work_orders.mark_released(ctx, work_order_id)
        assert await work_orders.release_obstacles(ctx, work_order_id, ctx.now.date(), again=True) == []
        [obstacle] = await work_orders.release_obstacles(ctx, work_order_id, ctx.now.date())
        assert "RELEASED" in obstacle.message
    assert (await planner.done(CLOSE, id=order))["workOrder"]["status"] == "CLOSED"


async def check_signatures(db: Database, planner: Api, crew: Crew, card: str) -> None:
    """What is on the card in the end, and what was recorded on the way there."""
    signed = (await planner.data(SIGNATURES, id=card))["taskCard"]["signOffs"]["nodes"]
    assert [(each["kind"], each["authorisation"]["privilege"]) for each in signed] == [
        ("PERFORMANCE", "MECHANIC"),
        ("PERFORMANCE", "MECHANIC"),
        ("REJECTION", "INSPECTOR"),
        ("PERFORMANCE", "MECHANIC"),
        ("INSPECTION", "INSPECTOR"),
        ("CLOSURE", "CERTIFYING_STAFF"),
    ]
    assert {(each["totalMinutes"], each["totalCycles"]) for each in signed} == {(600, 40)}
    assert {each["signedOn"] for each in signed} == {str(datetime.now(UTC).date())}
    assert signed[0]["signatory"]["id"] == f"usr_{crew.inspector.user_id}"
    events = [event.type.removeprefix("task_card.") for event in await fleet.events_of(db, UUID(card[3:]))]
    middle = ["partly_performed", "performed", "rejected", "performed", "inspected"]
    assert events == ["created", "started", *middle, "closed"]


async def test_no_signature_without_an_effective_authorisation(db: Database, planner: Api, crew: Crew) -> None:
    hangar = Hangar(planner, crew)
    order = await hangar.plan()
    card = await hangar.card(order)
    await planner.done(OPEN, id=order)
    await hangar.mechanic.done(START, id=card)
    # Neither a mechanic nor certifying staff; and nothing is described.
    blank = {"id": card, "note": " "}
    assert sorted(await planner.refusals(PERFORM, input=blank)) == [
        ("NOT_ALLOWED", ["input"]),
        ("NOT_ALLOWED", ["input"]),
        ("REQUIRED", ["input", "note"]),
    ]
    async with fleet.command(db, crew.planner) as ctx:
        await authorisations.set_state(
            ctx, crew.authorisations[Privilege.CERTIFYING_STAFF], state=AuthorisationState.SUSPENDED, reason="Review"
        )
    await hangar.mechanic.done(PERFORM, input={"id": card, "note": "Wheel changed."})
    assert await hangar.certifier.refusals(CLOSE_CARD, input={"id": card}) == [("NOT_ALLOWED", ["input"])]
    assert await hangar.mechanic.refusals(CLOSE_CARD, input={"id": card}) == [("NOT_ALLOWED", ["input"])]
    assert await hangar.inspector.refusals(INSPECT, input={"id": card}) == [("NOT_ALLOWED", ["input", "id"])]
    counted = await planner.data("{ taskCardAggregate { count } }")
    assert counted == {"taskCardAggregate": [{"count": 1}]}


async def test_what_is_planned_is_changed_and_cancelled(planner: Api, crew: Crew) -> None:
    hangar = Hangar(planner, crew)
    order = await hangar.plan(plannedStartOn="2026-11-30")
    change = {"id": order, "expectedVersion": 1, "title": "C check", "plannedEndOn": "2026-11-29"}
    assert await planner.refusals(UPDATE, input=change) == [("OUT_OF_RANGE", ["input", "plannedEndOn"])]
    changed = (await planner.done(UPDATE, input=change | {"plannedEndOn": "2026-12-04"}))["workOrder"]
    assert changed == {"title": "C check", "plannedStartOn": "2026-11-30", "plannedEndOn": "2026-12-04", "version": 2}
    assert await planner.code(UPDATE, input=change) == "CONFLICT"

    card = await hangar.card(order, reference="AMM 32-41")
    better = {"id": card, "expectedVersion": 1, "reference": None, "inspectionRequired": True}
    better["assigneeId"] = f"usr_{crew.mechanic.user_id}"
    assert (await planner.done(UPDATE_CARD, input=better))["taskCard"] == {
        "title": "Change wheel 1",
        "reference": None,
        "inspectionRequired": True,
        "assignee": {"id": better["assigneeId"]},
        "version": 2,
    }
    refused = {"id": card, "expectedVersion": 2, "title": "", "assigneeId": f"usr_{uuid7()}"}
    assert await planner.refusals(UPDATE_CARD, input=refused) == [
        ("REQUIRED", ["input", "title"]),
        ("NOT_FOUND", ["input", "assigneeId"]),
    ]
    await planner.done(OPEN, id=order)
    await hangar.mechanic.done(START, id=card)
    part = {"id": card, "note": "Wheel off.", "finished": False}
    await hangar.card(order)
    given_up = {"id": order, "reason": "The aircraft is needed"}
    await hangar.mechanic.done(PERFORM, input=part)
    assert await planner.refusals(UPDATE_CARD, input=better | {"expectedVersion": 3}) == [
        ("NOT_ALLOWED", ["input", "id"])
    ]
    assert await planner.refusals(CANCEL_CARD, input={"id": card, "reason": "x"}) == [("NOT_ALLOWED", ["input", "id"])]
    assert await planner.refusals(CANCEL, input=given_up | {"reason": " "}) == [
        ("REQUIRED", ["input", "reason"]),
        ("NOT_ALLOWED", ["input", "id"]),
    ]
    second = await hangar.plan()
    await hangar.card(second)
    cancelled = (await planner.done(CANCEL, input=given_up | {"id": second}))["workOrder"]
    reason = {"status": "CANCELLED", "cancellationReason": "The aircraft is needed"}
    assert cancelled == {**reason, "cards": {"nodes": [reason]}}
    late = {"workOrderId": second, "title": "One more"}
    assert await planner.refusals(ADD, input=late) == [("NOT_ALLOWED", ["input", "workOrderId"])]


async def test_every_refusal_has_its_path(planner: Api, crew: Crew) -> None:
    given = {"aircraftId": f"ac_{uuid7()}", "title": "x" * 201, "plannedStartOn": "2026-02-01"}
    given |= {"plannedEndOn": "2026-01-31", "description": "\u0007"}
    assert await planner.refusals(CREATE, input=given) == [
        ("NOT_FOUND", ["input", "aircraftId"]),
        ("TOO_LONG", ["input", "title"]),
        ("INVALID", ["input", "description"]),
        ("OUT_OF_RANGE", ["input", "plannedEndOn"]),
    ]
    retire = "mutation ($id: ID!) { setAircraftStatus(id: $id, status: RETIRED) { errors { code } } }"
    await planner.done(retire, id=f"ac_{crew.aircraft_id}")
    retired = {"aircraftId": f"ac_{crew.aircraft_id}", "title": "A check"}
    assert await planner.refusals(CREATE, input=retired) == [("NOT_ALLOWED", ["input", "aircraftId"])]


async def test_an_aircraft_that_was_worked_on_is_kept(planner: Api, crew: Crew) -> None:
    await Hangar(planner, crew).plan()
    delete = f"mutation ($id: ID!) {{ deleteAircraft(id: $id, expectedVersion: 1) {{ deletedId {ERRORS} }} }}"
    assert await planner.refusals(delete, id=f"ac_{crew.aircraft_id}") == [("IN_USE", ["id"])]

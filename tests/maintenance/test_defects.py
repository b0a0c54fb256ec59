"""Defects over HTTP: reported, deferred, extended, rectified; what grounds an aircraft."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from db.maintenance.defects import MelCategory
from db.session import Database
from domain.context import Actor
from domain.maintenance import defects, sign_offs, task_cards, work_orders
from domain.maintenance.rules.deferrals import Stated
from domain.maintenance.sources import Source
from tests.factories import fleet, work
from tests.factories.api import Api
from tests.factories.work import Crew, days_ago

ERRORS = "errors { code message path }"
REPORT = f"""
mutation ($input: ReportDefectInput!) {{
  reportDefect(input: $input) {{
    defect {{ id number status foundOn ataChapter description foundOnCard {{ number }} deferral {{ id }} }} {ERRORS}
  }}
}}
"""
DEFER = f"""
mutation ($input: DeferDefectInput!) {{
  deferDefect(input: $input) {{
    deferral {{
      id category melItem intervalDays deferredOn dueOn dueMinutes dueCycles overdue endedOn
      defect {{ status }} authorisation {{ privilege }} version
    }}
    {ERRORS}
  }}
}}
"""
EXTEND = f"""
mutation ($input: ExtendDeferralInput!) {{
  extendDeferral(input: $input) {{ deferral {{ dueOn extensionDays extensionReason extendedOn }} {ERRORS} }}
}}
"""
ADD = f"mutation ($input: AddTaskCardInput!) {{ addTaskCard(input: $input) {{ taskCard {{ id title }} {ERRORS} }} }}"
GROUNDED = """
query ($id: ID!) {
  aircraft(id: $id) { grounded groundedBy { nodes { melItem overdue } } defects { totalCount } }
}
"""
TODAY = datetime.now(UTC).date()


async def deferred(
    db: Database, certifier: Actor, crew: Crew, *, ago: int, category: MelCategory, stated: Stated | None = None
) -> tuple[UUID, UUID]:
    """A defect that was found and deferred some days ago, and its deferral."""
    moment, day = days_ago(ago)
    async with fleet.command(db, certifier, now=moment) as ctx:
        defect = await defects.report(ctx, aircraft_id=crew.aircraft_id, description="Left landing light", found_on=day)
        deferral = await defects.defer(ctx, defect, category=category, mel_item="33-42-01", stated=stated)
    return defect, deferral


async def test_from_the_report_to_the_rectification(db: Database, planner: Api, crew: Crew) -> None:
    certifier = planner.as_(crew.certifier.token)
    order, [card] = await work.work_order(db, crew)
    found = {"aircraftId": f"ac_{crew.aircraft_id}", "description": "Tyre worn\nto the cord", "ataChapter": "32.45"}
    made = (await certifier.done(REPORT, input=found | {"taskCardId": f"tc_{card}"}))["defect"]
    assert {**made, "id": ""} == {
        "id": "",
        "number": 1,
        "status": "OPEN",
        "foundOn": str(TODAY),
        "ataChapter": "32-45",
        "description": "Tyre worn\nto the cord",
        "foundOnCard": {"number": 1},
        "deferral": None,
    }
    await work.done(db, crew, card)
    async with fleet.command(db, crew.planner) as ctx:
        await work_orders.complete(ctx, order)
        [obstacle] = await work_orders.release_obstacles(ctx, order, TODAY)
        assert obstacle.message.startswith("Defect 1, found on")
    item = {"defectId": made["id"], "category": "C", "melItem": "32-45-01"}
    assert await planner.refusals(DEFER, input=item) == [("NOT_ALLOWED", ["input"])]
    deferral = (await certifier.done(DEFER, input=item))["deferral"]
    last = TODAY + timedelta(days=10)
    assert {**deferral, "id": ""} == {
        "id": "",
        "category": "C",
        "melItem": "32-45-01",
        "intervalDays": 10,
        "deferredOn": str(TODAY),
        "dueOn": str(last),
        "dueMinutes": None,
        "dueCycles": None,
        "overdue": False,
        "endedOn": None,
        "defect": {"status": "DEFERRED"},
        "authorisation": {"privilege": "CERTIFYING_STAFF"},
        "version": 1,
    }
    assert await certifier.refusals(DEFER, input=item) == [("NOT_ALLOWED", ["input", "defectId"])]
    async with fleet.command(db, crew.planner) as ctx:
        assert await work_orders.release_obstacles(ctx, order, last) == []
        assert len(await work_orders.release_obstacles(ctx, order, last + timedelta(days=1))) == 1

    more = {"id": deferral["id"], "days": 11, "reason": "No tyre in stock"}
    assert await certifier.refusals(EXTEND, input=more) == [("OUT_OF_RANGE", ["input", "days"])]
    assert (await certifier.done(EXTEND, input=more | {"days": 10}))["deferral"] == {
        "dueOn": str(last + timedelta(days=10)),
        "extensionDays": 10,
        "extensionReason": "No tyre in stock",
        "extendedOn": str(TODAY),
    }
    assert await certifier.refusals(EXTEND, input=more | {"days": 1}) == [("NOT_ALLOWED", ["input", "id"])]
    await rectified(db, crew, made["id"])
    ended = await planner.data("query ($id: ID!) { deferral(id: $id) { endedOn defect { status rectifiedOn } } }",
                               id=deferral["id"])  # fmt: skip
    assert ended["deferral"] == {"endedOn": str(TODAY), "defect": {"status": "RECTIFIED", "rectifiedOn": str(TODAY)}}
    assert await certifier.refusals(EXTEND, input=more | {"days": 1}) == [("NOT_ALLOWED", ["input", "id"])] * 2


async def rectified(db: Database, crew: Crew, defect_id: str) -> None:
    """Through a card that is made from it."""
    defect = UUID(defect_id.removeprefix("df_"))
    _, [card] = await work.work_order(db, crew, {"source": Source(defect_id=defect), "title": None})
    await work.done(db, crew, card)


async def test_what_cannot_be_reported_or_deferred(db: Database, planner: Api, crew: Crew) -> None:
    certifier = planner.as_(crew.certifier.token)
    report = {"aircraftId": f"ac_{uuid7()}", "description": " ", "foundOn": "2999-01-01", "ataChapter": "landing gear"}
    assert await planner.refusals(REPORT, input=report | {"taskCardId": f"tc_{uuid7()}"}) == [
        ("NOT_FOUND", ["input", "aircraftId"]),
        ("OUT_OF_RANGE", ["input", "foundOn"]),
        ("REQUIRED", ["input", "description"]),
        ("INVALID", ["input", "ataChapter"]),
        ("NOT_FOUND", ["input", "taskCardId"]),
    ]
    late = {"aircraftId": f"ac_{crew.aircraft_id}", "description": "Dent", "foundOn": str(TODAY - timedelta(days=4))}
    defect = (await planner.done(REPORT, input=late))["defect"]["id"]
    item = {"defectId": defect, "category": "B", "melItem": "", "stated": {"days": 2}, "limitations": "x" * 4001}
    assert await certifier.refusals(DEFER, input=item) == [
        ("REQUIRED", ["input", "melItem"]),
        ("TOO_LONG", ["input", "limitations"]),
        ("NOT_ALLOWED", ["input", "stated"]),
    ]
    good = {"defectId": defect, "melItem": "52-10-01"}
    assert await certifier.refusals(DEFER, input=good | {"category": "B"}) == [("EXPIRED", ["input", "defectId"])]
    assert await certifier.refusals(DEFER, input=good | {"category": "A"}) == [("REQUIRED", ["input", "stated"])]
    stated = {"days": 4, "minutes": 90, "cycles": 2}
    made = (await certifier.done(DEFER, input=good | {"category": "A", "stated": stated}))["deferral"]
    assert (made["intervalDays"], made["dueOn"], made["dueMinutes"], made["dueCycles"]) == (4, str(TODAY), 690, 42)


async def test_an_overdue_deferral_grounds_the_aircraft(db: Database, planner: Api, crew: Crew) -> None:
    certifier = (await work.actors(db, crew))["certifier"]
    id = f"ac_{crew.aircraft_id}"
    defect, deferral = await deferred(db, certifier, crew, ago=3, category=MelCategory.B)
    by_flights = Stated(minutes=90, cycles=2)
    await deferred(db, certifier, crew, ago=2, category=MelCategory.A, stated=by_flights)
    free = {"grounded": False, "groundedBy": {"nodes": []}, "defects": {"totalCount": 2}}
    assert (await planner.data(GROUNDED, id=id))["aircraft"] == free
    await fleet.flight(db, crew.planner, crew.aircraft_id, minutes=90, cycles=2)
    assert (await planner.data(GROUNDED, id=id))["aircraft"] == free
    await fleet.flight(db, crew.planner, crew.aircraft_id, minutes=1, cycles=0)
    grounding = {"melItem": "33-42-01", "overdue": True}
    found = (await planner.data(GROUNDED, id=id))["aircraft"]
    assert (found["grounded"], found["groundedBy"]["nodes"]) == (True, [grounding])

    overdue, _ = await deferred(db, certifier, crew, ago=4, category=MelCategory.B)
    assert (await planner.data(GROUNDED, id=id))["aircraft"]["groundedBy"]["nodes"] == [grounding] * 2
    order, _ = await work.work_order(db, crew)
    async with fleet.command(db, crew.planner) as ctx:
        obstacles = await work_orders.release_obstacles(ctx, order, TODAY)
        assert ["is overdue" in each.message for each in obstacles] == [False, False, True, True]
        # The day has not ended everywhere: it is the organization's that counts.
        card = await task_cards.add(ctx, work_order_id=order, source=Source(defect_id=overdue))
    await work.done(db, crew, card)
    assert (await planner.data(GROUNDED, id=id))["aircraft"]["groundedBy"]["nodes"] == [grounding]
    late = {"id": f"dl_{deferral}", "days": 1, "reason": "No lamp in stock"}
    assert (await planner.as_(crew.certifier.token).done(EXTEND, input=late))["deferral"]["extensionDays"] == 1
    assert defect


async def test_one_unfinished_card_for_a_defect(db: Database, planner: Api, crew: Crew) -> None:
    report = {"aircraftId": f"ac_{crew.aircraft_id}", "description": "Dent in the radome"}
    defect = (await planner.done(REPORT, input=report))["defect"]["id"]
    order, _ = await work.work_order(db, crew)
    made = {"workOrderId": f"wo_{order}", "source": {"defectId": defect}}
    first = (await planner.done(ADD, input=made))["taskCard"]
    assert first["title"] == "Defect 1: Dent in the radome"
    assert await planner.refusals(ADD, input=made) == [("TAKEN", ["input", "source"])]
    foreign = made | {"source": {"defectId": f"df_{uuid7()}"}}
    assert await planner.refusals(ADD, input=foreign) == [
        ("NOT_FOUND", ["input", "source", "defectId"]),
        ("REQUIRED", ["input", "title"]),
    ]
    both = made | {"source": {"defectId": defect, "taskId": f"mt_{uuid7()}"}, "title": "Two things"}
    assert await planner.refusals(ADD, input=both) == [("INVALID", ["input", "source"])]
    # Closed incomplete, it leaves the defect as it was.
    people = await work.actors(db, crew)
    await incomplete(db, people, UUID(first["id"].removeprefix("tc_")))
    status = await planner.data("query ($id: ID!) { defect(id: $id) { status cards { nodes { incomplete } } } }",
                                id=defect)  # fmt: skip
    assert status["defect"] == {"status": "OPEN", "cards": {"nodes": [{"incomplete": True}]}}
    await rectified(db, crew, defect)
    assert await planner.refusals(ADD, input=made) == [("NOT_ALLOWED", ["input", "source", "defectId"])]


async def incomplete(db: Database, people: dict[str, Actor], card: UUID) -> None:
    async with fleet.command(db, people["mechanic"]) as ctx:
        await task_cards.start(ctx, card)
        await sign_offs.perform(ctx, card, note="Radome removed.")
    async with fleet.command(db, people["certifier"]) as ctx:
        await sign_offs.close(ctx, card, note="A new radome is on order.", incomplete=True)

"""Quality as an integrator sees it: an audit from its plan to its end, over HTTP, and every refusal with its path."""

from datetime import UTC, datetime, timedelta
from typing import Any

from uuid_utils.compat import uuid7

from db.session import Database
from domain.quality import actions as commands
from graph.core import ids
from graph.quality import ROOM
from tests.conftest import Server
from tests.edge.sockets import opened
from tests.factories import quality
from tests.factories.api import Api
from tests.factories.fleet import command
from tests.fleet.test_graph import followed, numbered
from tests.quality.conftest import Crew

TODAY = datetime.now(UTC).date()
ERRORS = "errors { code message path }"
FINDING = "finding { id number level status dueOn firstDueOn overdue containedOn version }"
ACTION = "correctiveAction { id status acceptedOn implementedOn verifiedOn reviewNote verificationNote version }"


def mutation(name: str, shown: str) -> str:
    """`name(input)` as a document."""
    kind = name[0].upper() + name[1:] + "Input"
    return f"mutation ($input: {kind}!) {{ {name}(input: $input) {{ {shown} {ERRORS} }} }}"


PLAN = mutation(
    "planAudit",
    "audit { id reference status version department { name } leadAuditor { name }"
    " checklist { nodes { id position question requirement result } } }",
)
UPDATE = mutation("updateAudit", "audit { title plannedOn version }")
ANSWER = mutation("answerAuditChecklist", "audit { checklist { nodes { position result remark checkedBy { name } } } }")
ADD = mutation("addAuditQuestions", "audit { checklist { totalCount } }")
CHANGE = mutation("updateAuditQuestion", "item { question requirement version }")
REPORT = mutation("reportAudit", "audit { status reportedOn summary }")
RAISE = mutation("raiseFinding", FINDING)
CLASSIFY = mutation("classifyFinding", FINDING)
CONTAIN = mutation("containFinding", FINDING)
EXTEND = mutation("extendFinding", FINDING)
CLOSE = mutation("closeFinding", FINDING)
EDIT = mutation("updateFinding", "finding { title requirement owner { id } version }")
PROPOSE = mutation("proposeCorrectiveAction", ACTION)
REPLAN = mutation("updateCorrectiveAction", ACTION)
ACCEPT = mutation("acceptCorrectiveAction", ACTION)
REJECT = mutation("rejectCorrectiveAction", ACTION)
IMPLEMENT = mutation("implementCorrectiveAction", ACTION)
VERIFY = mutation("verifyCorrectiveAction", ACTION)
STEP = "mutation ($id: ID!) {{ {name}(id: $id) {{ audit {{ status startedOn closedOn }} {errors} }} }}"
START, END = (STEP.format(name=name, errors=ERRORS) for name in ("startAudit", "closeAudit"))
DELETE = f"mutation ($id: ID!, $v: Int!) {{ deleteAudit(id: $id, expectedVersion: $v) {{ deletedId {ERRORS} }} }}"
REMOVE = (
    f"mutation ($id: ID!, $v: Int!) {{ removeAuditQuestion(id: $id, expectedVersion: $v) {{ deletedId {ERRORS} }} }}"
)


def in_days(days: int) -> str:
    return str(TODAY + timedelta(days=days))


async def planned(api: Api, crew: Crew, **values: Any) -> dict[str, Any]:
    """An audit of the workshop, with two questions."""
    given = {
        "reference": "aud-2026-07",
        "title": "Tool control",
        "kind": "SYSTEM",
        "leadAuditorId": f"usr_{crew.quality.user_id}",
        "departmentId": f"dep_{crew.workshop}",
        "plannedOn": in_days(3),
        "checklist": [
            {"question": "Are tools accounted for?", "requirement": "145.A.40(a)"},
            {"question": "Are they calibrated?"},
        ],
    }
    return (await api.done(PLAN, input=given | values))["audit"]


async def test_an_audit_from_its_plan_to_its_end(crew: Crew) -> None:
    quality, mechanic = crew.api(crew.quality), crew.api(crew.mechanic)
    audit = await planned(quality, crew)
    assert (audit["status"], audit["department"], audit["leadAuditor"]) == (
        "PLANNED",
        {"name": "Workshop"},
        {"name": "Pat Doe"},
    )
    first, second = audit["checklist"]["nodes"]
    assert (first["position"], first["requirement"], second["result"]) == (1, "145.A.40(a)", "NOT_CHECKED")
    # Nothing goes before its time, and what is missing is said at once.
    assert await quality.refusals(END, id=audit["id"]) == [("NOT_ALLOWED", ["id"])]
    report = {"id": audit["id"], "summary": " "}
    assert await quality.refusals(REPORT, input=report) == [
        ("NOT_ALLOWED", ["input", "id"]),
        ("REQUIRED", ["input", "summary"]),
    ]
    await quality.done(START, id=audit["id"])
    answers = [
        {"itemId": first["id"], "result": "CONFORMS"},
        {"itemId": second["id"], "result": "DEVIATES", "remark": "TW-17 is overdue."},
    ]
    done = await quality.done(ANSWER, input={"auditId": audit["id"], "answers": answers})
    assert done["audit"]["checklist"]["nodes"][1] == {
        "position": 2,
        "result": "DEVIATES",
        "remark": "TW-17 is overdue.",
        "checkedBy": {"name": "Pat Doe"},
    }
    report["summary"] = "One deviation.\nTools are accounted for."
    assert await quality.refusals(REPORT, input=report) == [("NOT_ALLOWED", ["input", "id"])]
    raised = {
        "level": "LEVEL_2",
        "title": "Torque wrench out of calibration",
        "description": "TW-17 was due in March.",
        "requirement": "145.A.40(b)",
        "auditId": audit["id"],
        "itemId": second["id"],
        "departmentId": f"dep_{crew.workshop}",
        "ownerId": f"usr_{crew.mechanic.user_id}",
    }
    finding = (await quality.done(RAISE, input=raised))["finding"]
    assert (finding["number"], finding["dueOn"], finding["overdue"]) == (1, in_days(90), False)
    assert (await quality.done(REPORT, input=report))["audit"] == {
        "status": "REPORTED",
        "reportedOn": str(TODAY),
        "summary": report["summary"],
    }
    assert await quality.refusals(END, id=audit["id"]) == [("NOT_ALLOWED", ["id"])]
    await mended(quality, mechanic, finding["id"])
    assert (await quality.done(END, id=audit["id"]))["audit"]["closedOn"] == str(TODAY)
    shown = "query ($id: ID!) { audit(id: $id) { status findings { nodes { number status } } } }"
    assert (await quality.data(shown, id=audit["id"]))["audit"] == {
        "status": "CLOSED",
        "findings": {"nodes": [{"number": 1, "status": "CLOSED"}]},
    }


async def mended(quality: Api, mechanic: Api, finding_id: str) -> None:
    """Plan, acceptance, a verification that says no and one that says yes; extended on the way."""
    assert await quality.refusals(CLOSE, input={"id": finding_id}) == [("NOT_ALLOWED", ["input", "id"])]
    plan = {
        "findingId": finding_id,
        "rootCause": "No recall list.",
        "correctiveAction": "Calibrate TW-17.",
        "preventiveAction": "A recall list.",
        "targetOn": in_days(100),
    }
    extend = {"id": finding_id, "dueOn": in_days(101), "reason": "The laboratory is busy."}
    assert await quality.refusals(EXTEND, input=extend) == [("NOT_ALLOWED", ["input", "id"])]
    action = (await mechanic.done(PROPOSE, input=plan))["correctiveAction"]
    assert await mechanic.code(ACCEPT, input={"id": action["id"]}) == "FORBIDDEN"
    changed = {"id": action["id"], "expectedVersion": 1, "preventiveAction": None, "targetOn": in_days(99)}
    assert (await mechanic.done(REPLAN, input=changed))["correctiveAction"]["version"] == 2
    assert await mechanic.refusals(
        IMPLEMENT, input={"id": action["id"], "note": "Done", "evidenceId": f"doc_{uuid7()}"}
    ) == [("NOT_ALLOWED", ["input", "id"]), ("NOT_FOUND", ["input", "evidenceId"])]
    accepted = (await quality.done(ACCEPT, input={"id": action["id"]}))["correctiveAction"]
    assert (accepted["status"], accepted["acceptedOn"]) == ("ACCEPTED", str(TODAY))
    extended = (await quality.done(EXTEND, input=extend))["finding"]
    assert (extended["dueOn"], extended["firstDueOn"]) == (in_days(101), in_days(90))
    again = extend | {"dueOn": in_days(102), "reason": ""}
    assert await quality.refusals(EXTEND, input=again) == [
        ("NOT_ALLOWED", ["input", "id"]),
        ("REQUIRED", ["input", "reason"]),
    ]
    for effective, status in ((False, "ACCEPTED"), (True, "VERIFIED")):
        await mechanic.done(IMPLEMENT, input={"id": action["id"], "note": "Calibrated, certificate 44."})
        assert await quality.refusals(CLOSE, input={"id": finding_id}) == [("NOT_ALLOWED", ["input", "id"])] * 2
        seen = {"id": action["id"], "effective": effective, "note": "Looked at TW-17."}
        verified = (await quality.done(VERIFY, input=seen))["correctiveAction"]
        assert (verified["status"], verified["verificationNote"]) == (status, "Looked at TW-17.")
    closed = (await quality.done(CLOSE, input={"id": finding_id, "note": "Good."}))["finding"]
    assert closed["status"] == "CLOSED"
    assert await mechanic.refusals(PROPOSE, input=plan) == [("NOT_ALLOWED", ["input", "findingId"])]


async def test_nobody_judges_their_own_work(db: Database, crew: Crew) -> None:
    """Also who may do everything: acceptance and verification are somebody else's; only owners answer."""
    manager, lead, mechanic = crew.api(crew.quality), crew.api(crew.lead), crew.api(crew.mechanic)
    finding = f"fnd_{await quality.finding(db, crew.manager, owner_id=crew.mechanic.user_id)}"
    refused = [("NOT_ALLOWED", ["input", "id"])]
    plan = {"findingId": finding, "rootCause": "Why", "correctiveAction": "What", "targetOn": in_days(1)}
    assert await lead.refusals(PROPOSE, input=plan) == [("NOT_ALLOWED", ["input", "findingId"])]
    assert await lead.refusals(CONTAIN, input={"id": finding, "immediateAction": "X"}) == refused
    own = plan | {"ownerId": f"usr_{crew.quality.user_id}"}
    action = (await mechanic.done(PROPOSE, input=own))["correctiveAction"]["id"]
    assert await manager.refusals(ACCEPT, input={"id": action}) == refused
    async with command(db, crew.boss) as ctx:
        await commands.accept(ctx, ids.decode("cap", action))
        await commands.implement(ctx, ids.decode("cap", action), note="By the boss")
    assert await manager.refusals(VERIFY, input={"id": action, "effective": True, "note": "Mine"}) == refused
    assert await mechanic.code(VERIFY, input={"id": action, "effective": True, "note": "Fine"}) == "FORBIDDEN"
    other = (await mechanic.done(PROPOSE, input=plan))["correctiveAction"]["id"]
    rejected = await manager.done(REJECT, input={"id": other, "reason": "Too thin"})
    assert rejected["correctiveAction"]["reviewNote"] == "Too thin"
    assert await mechanic.refusals(IMPLEMENT, input={"id": other, "note": "Done"}) == refused


async def test_a_level_1_finding_and_another_level(db: Database, crew: Crew) -> None:
    manager, mechanic = crew.api(crew.quality), crew.api(crew.mechanic)
    given = {
        "level": "LEVEL_1",
        "title": "Release without authorisation",
        "description": "D-AIBC, 3 May",
        "ownerId": f"usr_{crew.mechanic.user_id}",
        "raisedOn": in_days(-5),
    }
    finding = (await manager.done(RAISE, input=given))["finding"]
    assert (finding["dueOn"], finding["overdue"]) == (in_days(-5), True)
    contained = await mechanic.done(CONTAIN, input={"id": finding["id"], "immediateAction": "Grounded D-AIBC"})
    assert (contained["finding"]["dueOn"], contained["finding"]["containedOn"]) == (in_days(90), str(TODAY))
    assert await mechanic.refusals(CONTAIN, input={"id": finding["id"], "immediateAction": "Again"}) == [
        ("NOT_ALLOWED", ["input", "id"])
    ]
    lower = {"id": finding["id"], "level": "OBSERVATION", "reason": "It was authorised after all"}
    observation = (await manager.done(CLASSIFY, input=lower))["finding"]
    assert (observation["dueOn"], observation["overdue"]) == (None, False)
    assert (await manager.done(CLOSE, input={"id": finding["id"]}))["finding"]["status"] == "CLOSED"
    assert await manager.refusals(CLASSIFY, input=lower) == [("NOT_ALLOWED", ["input", "id"])]


async def test_every_refusal_of_a_plan_has_its_path(crew: Crew) -> None:
    api = crew.api(crew.quality)
    audit = await planned(api, crew)
    wrong = {
        "reference": "AUD-2026-07",
        "title": " ",
        "leadAuditorId": f"usr_{crew.mechanic.user_id}",
        "departmentId": f"dep_{crew.workshop}",
        "kind": "PRODUCT",
        "plannedOn": in_days(1),
        "checklist": [{"question": "Fine?"}, {"question": "", "requirement": "x" * 201}],
        "checklistOf": f"aud_{uuid7()}",
    }
    assert sorted(await api.refusals(PLAN, input=wrong)) == [
        ("NOT_ALLOWED", ["input", "leadAuditorId"]),
        ("NOT_FOUND", ["input", "checklistOf"]),
        ("REQUIRED", ["input", "checklist", "1", "question"]),
        ("REQUIRED", ["input", "title"]),
        ("TAKEN", ["input", "reference"]),
        ("TOO_LONG", ["input", "checklist", "1", "requirement"]),
    ]
    nobody = {"id": audit["id"], "expectedVersion": 1, "leadAuditorId": f"usr_{uuid7()}", "reference": ""}
    assert sorted(await api.refusals(UPDATE, input=nobody)) == [
        ("NOT_FOUND", ["input", "leadAuditorId"]),
        ("REQUIRED", ["input", "reference"]),
    ]
    # The same checklist for another audit; an empty one cannot begin.
    copy = await planned(api, crew, reference="AUD-8", checklist=[{"question": "More?"}], checklistOf=audit["id"])
    assert [each["question"] for each in copy["checklist"]["nodes"]] == [
        "Are tools accounted for?",
        "Are they calibrated?",
        "More?",
    ]
    empty = await planned(api, crew, reference="AUD-9", checklist=[])
    assert await api.refusals(START, id=empty["id"]) == [("NOT_ALLOWED", ["id"])]
    assert (await api.done(DELETE, id=empty["id"], v=1))["deletedId"] == empty["id"]
    removed = f"mutation ($id: ID!) {{ deleteDepartment(id: $id, expectedVersion: 1) {{ deletedId {ERRORS} }} }}"
    assert await api.refusals(removed, id=f"dep_{crew.workshop}") == [("IN_USE", ["id"])]


async def test_every_refusal_of_a_checklist_has_its_path(crew: Crew) -> None:
    """Questions until they are answered, answers and findings only where they belong."""
    api = crew.api(crew.quality)
    audit = await planned(api, crew)
    first = audit["checklist"]["nodes"][0]["id"]
    asked = {"auditId": audit["id"], "questions": [{"question": "Are they clean?"}]}
    assert (await api.done(ADD, input=asked))["audit"]["checklist"]["totalCount"] == 3
    assert await api.refusals(ADD, input=asked | {"questions": []}) == [("REQUIRED", ["input", "questions"])]
    change = {"id": first, "expectedVersion": 1, "question": "Are all tools accounted for?", "requirement": None}
    assert (await api.done(CHANGE, input=change))["item"]["version"] == 2
    await api.done(START, id=audit["id"])
    foreign = (await planned(api, crew, reference="AUD-8"))["checklist"]["nodes"][0]["id"]
    answers = [{"itemId": each, "result": "CONFORMS"} for each in (first, first, foreign)]
    assert sorted(await api.refusals(ANSWER, input={"auditId": audit["id"], "answers": answers})) == [
        ("INVALID", ["input", "answers", "1", "itemId"]),
        ("NOT_FOUND", ["input", "answers", "2", "itemId"]),
    ]
    await api.done(ANSWER, input={"auditId": audit["id"], "answers": answers[:1]})
    assert await api.refusals(REMOVE, id=first, v=3) == [("NOT_ALLOWED", ["id"])]
    assert await api.refusals(DELETE, id=audit["id"], v=2) == [("IN_USE", ["id"])]
    late = {"id": audit["id"], "expectedVersion": 2, "plannedOn": in_days(9)}
    assert await api.refusals(UPDATE, input=late) == [("NOT_ALLOWED", ["input", "plannedOn"])]
    raised = {
        "level": "OBSERVATION",
        "title": "",
        "description": "",
        "ownerId": f"usr_{uuid7()}",
        "departmentId": f"dep_{uuid7()}",
        "auditId": audit["id"],
        "itemId": foreign,
        "raisedOn": in_days(1),
        "dueOn": in_days(1),
    }
    assert sorted(await api.refusals(RAISE, input=raised)) == [
        ("NOT_ALLOWED", ["input", "dueOn"]),
        ("NOT_FOUND", ["input", "departmentId"]),
        ("NOT_FOUND", ["input", "itemId"]),
        ("NOT_FOUND", ["input", "ownerId"]),
        ("OUT_OF_RANGE", ["input", "raisedOn"]),
        ("REQUIRED", ["input", "description"]),
        ("REQUIRED", ["input", "title"]),
    ]


async def test_another_organizations_and_missing_permissions(db: Database, crew: Crew) -> None:
    api, mechanic = crew.api(crew.quality), crew.api(crew.mechanic)
    audit = await planned(api, crew)
    finding = f"fnd_{await quality.finding(db, crew.manager)}"
    assert await mechanic.code(START, id=audit["id"]) == "FORBIDDEN"
    assert await mechanic.code(DELETE, id=audit["id"], v=1) == "FORBIDDEN"
    assert await mechanic.code(CLOSE, input={"id": finding}) == "FORBIDDEN"
    assert await api.code(START, id=f"aud_{uuid7()}") == "NOT_FOUND"
    assert await api.code(CLOSE, input={"id": f"fnd_{uuid7()}"}) == "NOT_FOUND"
    assert await api.code(ACCEPT, input={"id": f"cap_{uuid7()}"}) == "NOT_FOUND"
    assert await api.code(REMOVE, id=f"aci_{uuid7()}", v=1) == "NOT_FOUND"
    assert await api.code(DELETE, id=audit["id"], v=7) == "CONFLICT"
    edit = {"id": finding, "expectedVersion": 1, "requirement": "145.A.25", "ownerId": f"usr_{crew.lead.user_id}"}
    edited = (await api.done(EDIT, input=edit))["finding"]
    assert (edited["requirement"], edited["version"]) == ("145.A.25", 2)
    assert await api.code(EDIT, input=edit) == "CONFLICT"
    days = (
        f"mutation ($d: Int!) {{ updateOrganization(input: {{expectedVersion: 1, findingDays: $d}}) {{ {ERRORS} }} }}"
    )
    assert await api.code(days, d=60) == "FORBIDDEN"


WATCH = """
subscription { findingChanged { type finding { number status } } }
"""


async def test_a_finding_arrives_on_the_subscription(db: Database, crew: Crew, server: Server) -> None:
    await numbered(db, crew.org_id)
    async with opened(server) as socket:
        await socket.init({"authorization": f"Bearer {crew.mechanic.token}"})
        await socket.subscribe("1", WATCH)
        await followed(server, crew.org_id)
        await quality.finding(db, crew.manager)
        first = (await socket.receive())["payload"]["data"]["findingChanged"]
    assert first == {"type": "finding.created", "finding": {"number": 1, "status": "OPEN"}}


def test_everything_has_its_root_field() -> None:
    names = {query.name for query in ROOM.queries}
    for name in ("audit", "finding", "correctiveAction", "auditChecklistItem", "reminder"):
        assert {name, f"{name}s", f"{name}Aggregate"} <= names

"""The workforce as an integrator sees it: over HTTP."""

from datetime import UTC, datetime, timedelta

from uuid_utils.compat import uuid7

from db.files.documents import DocumentPurpose
from db.session import Database
from domain.context import Actor
from domain.workforce.rules.months import add_months, month_end
from runtime.settings import Settings
from tests.conftest import Server
from tests.edge.sockets import opened
from tests.factories import files, fleet, identity, workforce
from tests.factories.api import Api
from tests.factories.identity import Person
from tests.fleet.test_graph import followed, numbered

ERRORS = "errors { code message path }"
TODAY = datetime.now(UTC).date()


def mutation(name: str, argument: str, shows: str) -> str:
    kind = f"{argument[0].upper()}{argument[1:]}Input"
    return f"mutation ($input: {kind}!) {{ {name}(input: $input) {{ {shows} {ERRORS} }} }}"


COURSE = "course { id code validityMonths renewalPolicy graceDays warningDays isActive version }"
CREATE_COURSE = mutation("createCourse", "createCourse", COURSE)
UPDATE_COURSE = mutation("updateCourse", "updateCourse", COURSE)
DELETE_COURSE = (
    f"mutation ($id: ID!, $v: Int!) {{ deleteCourse(id: $id, expectedVersion: $v) {{ deletedId {ERRORS} }} }}"
)
TRAINING = "trainingRecord { id completedOn expiresOn state isCurrent evidence { name } course { code } version }"
RECORD = mutation("recordTraining", "recordTraining", TRAINING)
VOID = f"""
mutation ($id: ID!, $reason: String!) {{
  voidTrainingRecord(id: $id, reason: $reason) {{ trainingRecord {{ state voidReason isCurrent }} {ERRORS} }}
}}
"""
LICENCE = "licence { id authority number expiresOn version authorisations { totalCount } }"
CREATE_LICENCE = mutation("createLicence", "createLicence", LICENCE)
UPDATE_LICENCE = mutation("updateLicence", "updateLicence", LICENCE)
DELETE_LICENCE = (
    f"mutation ($id: ID!, $v: Int!) {{ deleteLicence(id: $id, expectedVersion: $v) {{ deletedId {ERRORS} }} }}"
)
SHOWN = """
  id number privilege state stateReason effective ineffectiveReasons version
  aircraftTypes { nodes { model } } courses { nodes { code } } licence { number }
"""
ISSUE = mutation("issueAuthorisation", "issueAuthorisation", f"authorisation {{ {SHOWN} }}")
UPDATE = mutation("updateAuthorisation", "updateAuthorisation", f"authorisation {{ {SHOWN} }}")
SET_STATE = f"""
mutation ($id: ID!, $state: AuthorisationState!, $reason: String) {{
  setAuthorisationState(id: $id, state: $state, reason: $reason) {{ authorisation {{ {SHOWN} }} {ERRORS} }}
}}
"""
EXPERIENCE = mutation("recordExperience", "recordExperience", "added")
POLICY = mutation(
    "setExperiencePolicy", "setExperiencePolicy", "organization { experienceMonths experienceWindowMonths version }"
)
ENROL = mutation("enrol", "enrol", "enrolment { id graceUntil supervisor { name } version }")


async def test_from_a_course_to_an_effective_authorisation(
    api: Api, db: Database, actor: Actor, owner: Person, server: Server
) -> None:
    me = f"usr_{owner.user_id}"
    evidence = f"doc_{await files.document(db, actor)}"
    type_id = f"at_{await fleet.aircraft_type(db, actor, model='A320-214')}"
    given = {"code": " hf ", "name": "Human factors", "validityMonths": 24, "renewalPolicy": "KEEP_ANNIVERSARY"}
    course = (await api.done(CREATE_COURSE, input=given))["course"]
    assert (course["code"], course["graceDays"], course["warningDays"]) == ("HF", 0, 60)
    licence = (
        await api.done(
            CREATE_LICENCE,
            input={"userId": me, "authority": "easa de", "number": "de.66.1", "expiresOn": str(add_months(TODAY, 1))},
        )
    )["licence"]
    assert (licence["authority"], licence["number"]) == ("EASA DE", "DE.66.1")
    issue = {
        "userId": me,
        "number": "cs-7",
        "privilege": "CERTIFYING_STAFF",
        "validFrom": str(TODAY),
        "licenceId": licence["id"],
        "aircraftTypeIds": [type_id],
        "courseIds": [course["id"]],
    }
    made = (await api.done(ISSUE, input=issue))["authorisation"]
    hf = "The course HF (Human factors)"
    worked = "Recent experience is missing: work in 0 of the last 24 months, 6 are needed."
    assert made | {"id": ""} == {
        "id": "",
        "number": "CS-7",
        "privilege": "CERTIFYING_STAFF",
        "state": "ACTIVE",
        "stateReason": None,
        "effective": False,
        "ineffectiveReasons": [f"{hf} has not been passed.", worked],
        "version": 1,
        "aircraftTypes": {"nodes": [{"model": "A320-214"}]},
        "courses": {"nodes": [{"code": "HF"}]},
        "licence": {"number": "DE.66.1"},
    }
    passed = add_months(TODAY, -20)
    record = {"userId": me, "courseId": course["id"], "completedOn": str(passed), "evidenceId": evidence}
    first = (await api.done(RECORD, input=record))["trainingRecord"]
    assert (first["state"], first["isCurrent"], first["evidence"]) == ("VALID", True, {"name": "evidence.pdf"})
    assert first["expiresOn"] == str(month_end(add_months(passed, 24)))
    days = [str(add_months(TODAY, -back)) for back in range(6)]
    work = {"userId": me, "days": [*days, days[0]], "aircraftTypeId": type_id, "source": "Former employer"}
    assert (await api.done(EXPERIENCE, input=work))["added"] == 6
    assert (await api.done(EXPERIENCE, input=work))["added"] == 0
    query = """query ($id: ID!, $me: ID!) {
      authorisation(id: $id) { effective ineffectiveReasons user { name } }
      user(id: $me) { authorisations { nodes { number effective } } trainingRecords { totalCount } }
    }"""
    found = await api.data(query, id=made["id"], me=me)
    assert found["authorisation"] == {"effective": True, "ineffectiveReasons": [], "user": {"name": "Pat Doe"}}
    assert found["user"]["authorisations"] == {"nodes": [{"number": "CS-7", "effective": True}]}
    await _suspended_and_revoked(api, db, owner, server, made["id"], course["id"])
    for query, id in ((DELETE_COURSE, course["id"]), (DELETE_LICENCE, licence["id"])):
        assert await api.refusals(query, id=id, v=1) == [("IN_USE", ["id"])]


async def _suspended_and_revoked(api: Api, db: Database, owner: Person, server: Server, made: str, course: str) -> None:
    await numbered(db, owner.org_id)
    async with opened(server) as socket:
        await socket.init({"authorization": f"Bearer {owner.token}"})
        await socket.subscribe("1", "subscription { authorisationChanged { type authorisation { state effective } } }")
        await followed(server, owner.org_id)
        state = {"id": made, "state": "SUSPENDED", "reason": "Under inquiry"}
        suspended = (await api.done(SET_STATE, **state))["authorisation"]
        assert suspended["ineffectiveReasons"] == ["The authorisation CS-7 is suspended."]
        seen = (await socket.receive())["payload"]["data"]["authorisationChanged"]
        assert seen == {
            "type": "authorisation.suspended",
            "authorisation": {"state": "SUSPENDED", "effective": False},
        }
    assert await api.refusals(SET_STATE, id=made, state="REVOKED") == [("REQUIRED", ["reason"])]
    await api.done(SET_STATE, id=made, state="ACTIVE")
    scope = {"id": made, "expectedVersion": 3, "aircraftTypeIds": [], "courseIds": [], "tasks": "Line"}
    wider = (await api.done(UPDATE, input=scope))["authorisation"]
    assert (wider["aircraftTypes"]["nodes"], wider["courses"]["nodes"], wider["version"]) == ([], [], 4)
    await api.done(UPDATE, input={"id": made, "expectedVersion": 4, "courseIds": [course]})
    assert await api.code(UPDATE, input=scope | {"expectedVersion": 4}) == "CONFLICT"  # the scope is a change too
    await api.done(SET_STATE, id=made, state="REVOKED", reason="Left the shift")
    assert await api.refusals(SET_STATE, id=made, state="ACTIVE") == [("NOT_ALLOWED", ["state"])]
    assert await api.refusals(UPDATE, input=scope | {"expectedVersion": 6}) == [("NOT_ALLOWED", ["input", "id"])]


async def test_training_is_recorded_late_and_taken_back(api: Api, db: Database, actor: Actor, owner: Person) -> None:
    me = f"usr_{owner.user_id}"
    evidence = f"doc_{await files.document(db, actor)}"
    given = {"code": "ETOPS", "name": "ETOPS", "validityMonths": 12, "renewalPolicy": "KEEP_ANNIVERSARY"}
    course = (await api.done(CREATE_COURSE, input=given))["course"]
    record = {"userId": me, "courseId": course["id"], "evidenceId": evidence}
    passed = {}
    for day in ("2022-06-10", "2024-04-01", "2023-05-02"):
        passed[day] = (await api.done(RECORD, input=record | {"completedOn": day}))["trainingRecord"]
    # What the course says from now on changes nothing of what was recorded.
    change = {"id": course["id"], "expectedVersion": 1, "validityMonths": None, "isActive": False}
    assert (await api.done(UPDATE_COURSE, input=change))["course"]["validityMonths"] is None
    listed = "{ trainingRecords(orderBy: [{completedOn: ASC}]) { nodes { completedOn expiresOn isCurrent state } } }"

    async def expiries() -> list[tuple[str, bool]]:
        rows = (await api.data(listed))["trainingRecords"]["nodes"]
        return [(row["expiresOn"], row["isCurrent"]) for row in rows]

    assert await expiries() == [("2023-06-30", False), ("2024-06-30", False), ("2025-06-30", True)]
    void = {"id": passed["2023-05-02"]["id"], "reason": "Somebody else's"}
    assert (await api.done(VOID, **void))["trainingRecord"] == {
        "state": None,
        "voidReason": "Somebody else's",
        "isCurrent": False,
    }
    assert await expiries() == [("2023-06-30", False), ("2024-06-30", False), ("2025-04-30", True)]
    await api.done(VOID, id=passed["2024-04-01"]["id"], reason="Failed")
    assert [current for _, current in await expiries()] == [True, False, False]
    assert await api.refusals(VOID, **void) == [("NOT_ALLOWED", ["id"])]
    assert await api.refusals(RECORD, input=record | {"completedOn": "2024-05-01"}) == [
        ("NOT_ALLOWED", ["input", "courseId"])
    ]
    await api.done(UPDATE_COURSE, input=change | {"expectedVersion": 2, "isActive": True})
    assert await api.refusals(RECORD, input=record | {"completedOn": "2022-06-10"}) == [
        ("TAKEN", ["input", "completedOn"])
    ]


async def test_every_refusal_at_once(api: Api, db: Database, actor: Actor, owner: Person, settings: Settings) -> None:
    me, nobody = f"usr_{owner.user_id}", f"usr_{uuid7()}"
    other = await identity.person(db, settings, owner.org_id, "TECHNICIAN")
    asset = f"doc_{await files.document(db, actor, 'form.pdf', DocumentPurpose.TEMPLATE)}"
    nothing = {"courseId": f"cou_{uuid7()}", "completedOn": "2999-01-01", "evidenceId": asset, "note": "x" * 1001}
    assert await api.refusals(RECORD, input={"userId": nobody, **nothing}) == [
        ("NOT_FOUND", ["input", "userId"]),
        ("NOT_FOUND", ["input", "courseId"]),
        ("OUT_OF_RANGE", ["input", "completedOn"]),
        ("INVALID", ["input", "evidenceId"]),
        ("TOO_LONG", ["input", "note"]),
    ]
    numbers = {"validityMonths": 0, "renewalWindowMonths": 13, "graceDays": -1, "warningDays": 0}
    assert await api.refusals(CREATE_COURSE, input={"code": " ", "name": "x" * 201, **numbers}) == [
        ("REQUIRED", ["input", "code"]),
        ("TOO_LONG", ["input", "name"]),
        ("OUT_OF_RANGE", ["input", "validityMonths"]),
        ("OUT_OF_RANGE", ["input", "renewalWindowMonths"]),
        ("OUT_OF_RANGE", ["input", "graceDays"]),
        ("OUT_OF_RANGE", ["input", "warningDays"]),
    ]
    theirs = {"userId": f"usr_{other.user_id}", "authority": "FAA", "number": "1", "issuedOn": "2026-01-01"}
    assert await api.refusals(CREATE_LICENCE, input=theirs | {"expiresOn": "2026-01-01"}) == [
        ("OUT_OF_RANGE", ["input", "expiresOn"])
    ]
    licence = (await api.done(CREATE_LICENCE, input=theirs))["licence"]
    assert await api.refusals(CREATE_LICENCE, input=theirs | {"userId": me}) == [("TAKEN", ["input", "number"])]
    renewed = {"id": licence["id"], "expectedVersion": 1, "expiresOn": "2031-01-01", "issuedOn": None}
    assert (await api.done(UPDATE_LICENCE, input=renewed))["licence"]["expiresOn"] == "2031-01-01"
    await _refused_authorisations(api, me, licence["id"])
    await _refused_enrolments(api, me, nobody)
    technician = api.as_(other.token)
    assert await technician.code(CREATE_COURSE, input={"code": "Y", "name": "Y"}) == "FORBIDDEN"
    bare = {"userId": me, "number": "1", "privilege": "MECHANIC", "validFrom": "2026-02-01"}
    assert await technician.code(ISSUE, input=bare) == "FORBIDDEN"


async def _refused_authorisations(api: Api, me: str, licence: str) -> None:
    issue = {
        "userId": me,
        "number": "",
        "privilege": "CERTIFYING_STAFF",
        "validFrom": "2026-02-01",
        "expiresOn": "2026-02-01",
        "licenceId": licence,
        "aircraftTypeIds": [f"at_{uuid7()}"],
        "courseIds": [f"cou_{uuid7()}"],
    }
    assert await api.refusals(ISSUE, input=issue) == [
        ("REQUIRED", ["input", "number"]),
        ("INVALID", ["input", "licenceId"]),
        ("NOT_FOUND", ["input", "aircraftTypeIds", "0"]),
        ("NOT_FOUND", ["input", "courseIds", "0"]),
        ("OUT_OF_RANGE", ["input", "expiresOn"]),
    ]
    bare = {"userId": me, "number": "1", "privilege": "CERTIFYING_STAFF", "validFrom": "2026-02-01"}
    assert await api.refusals(ISSUE, input=bare) == [("REQUIRED", ["input", "licenceId"])]


async def _refused_enrolments(api: Api, me: str, nobody: str) -> None:
    work = {"userId": nobody, "days": ["2999-01-01"], "aircraftTypeId": f"at_{uuid7()}", "source": " "}
    assert await api.refusals(EXPERIENCE, input=work) == [
        ("NOT_FOUND", ["input", "userId"]),
        ("OUT_OF_RANGE", ["input", "days", "0"]),
        ("NOT_FOUND", ["input", "aircraftTypeId"]),
        ("REQUIRED", ["input", "source"]),
    ]
    course = (await api.done(CREATE_COURSE, input={"code": "X", "name": "X", "graceDays": 90}))["course"]
    enrol = {"userId": me, "courseId": course["id"], "supervisorId": me, "dutiesFrom": str(TODAY)}
    assert await api.refusals(ENROL, input=enrol) == [("INVALID", ["input", "supervisorId"])]
    assert await api.refusals(ENROL, input=enrol | {"supervisorId": nobody}) == [
        ("NOT_FOUND", ["input", "supervisorId"]),
        ("NOT_ALLOWED", ["input", "supervisorId"]),
    ]
    assert (await api.done(DELETE_COURSE, id=course["id"], v=1))["deletedId"] == course["id"]
    policy = {"expectedVersion": 1, "months": 13, "windowMonths": 12}
    assert await api.refusals(POLICY, input=policy) == [("OUT_OF_RANGE", ["input", "months"])]
    shown = (await api.done(POLICY, input=policy | {"months": 3}))["organization"]
    assert shown == {"experienceMonths": 3, "experienceWindowMonths": 12, "version": 2}


async def test_an_enrolment_changes_its_supervisor_and_ends(api: Api, db: Database, actor: Actor) -> None:
    course_id = await workforce.course(db, actor, grace_days=90)
    supervisors = [(await identity.person(db, db.settings, actor.org_id)).user_id for _ in range(2)]
    for each in supervisors:
        await workforce.training(db, actor, each, course_id)
    given = {"userId": f"usr_{actor.user_id}", "courseId": f"cou_{course_id}", "dutiesFrom": str(TODAY)}
    first, second = (f"usr_{each}" for each in supervisors)
    made = (await api.done(ENROL, input=given | {"supervisorId": first}))["enrolment"]
    assert made["graceUntil"] == str(TODAY + timedelta(days=90))
    update = mutation("updateEnrolment", "updateEnrolment", "enrolment { supervisor { id } version }")
    changed = {"id": made["id"], "expectedVersion": 1, "supervisorId": second}
    assert (await api.done(update, input=changed))["enrolment"] == {"supervisor": {"id": second}, "version": 2}
    for version, word in ((3, "withdrawEnrolment"), (4, "resumeEnrolment")):
        step = f"mutation ($id: ID!) {{ {word}(id: $id) {{ enrolment {{ version }} {ERRORS} }} }}"
        for _ in range(2):  # the second time there is nothing to do
            assert (await api.done(step, id=made["id"]))["enrolment"] == {"version": version}

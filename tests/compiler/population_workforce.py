"""Documents, courses, training, enrolments, licences, authorisations and experience for both organizations. Days lie
years before and after any day on which this runs, so that what depends on the day is the same at both ends of a
comparison; among them are all the reasons why an authorisation is not effective."""

import random
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from db.files.documents import Document, DocumentPurpose
from db.workforce.authorisations import (
    Authorisation,
    AuthorisationCourse,
    AuthorisationState,
    AuthorisationType,
    Privilege,
)
from db.workforce.courses import Course, RenewalPolicy
from db.workforce.enrolments import Enrolment
from db.workforce.experience import ExperienceEntry
from db.workforce.licences import Licence
from db.workforce.training_records import TrainingRecord

PAST, FUTURE = date(2019, 2, 28), date(2099, 12, 31)
KINDS = {"doc": 20, "cou": 21, "tr": 22, "enr": 23, "lic": 24, "aut": 25, "exp": 26}
Add = Callable[[Any, list[dict[str, Any]]], Awaitable[None]]
Uid = Callable[[str, int], UUID]


async def populate(
    add: Add,
    rng: random.Random,
    org: UUID,
    uid: Uid,
    users: list[UUID],
    types: list[UUID],
    moment: Callable[[], datetime],
) -> None:
    """`uid` makes the id of a prefix and number; `types` are some of the organization's aircraft types."""

    def row(prefix: str, n: int, **values: Any) -> dict[str, Any]:
        return {"org_id": org, "id": uid(prefix, n), "created_at": moment(), **values}

    def stamped(prefix: str, n: int, **values: Any) -> dict[str, Any]:
        return row(prefix, n, version=rng.randint(1, 3), updated_at=moment(), **values)

    await add(Document, [_document(rng, row, n, users) for n in range(8)])
    await add(Course, [_course(rng, stamped, n) for n in range(4)])
    evidence = [uid("doc", n) for n in range(3)]
    records = [_record(rng, stamped, n, person, uid("cou", n % 4), evidence) for n, person in enumerate(users[:4] * 4)]
    await add(TrainingRecord, records)
    await add(
        Enrolment,
        [
            stamped(
                "enr",
                n,
                user_id=person,
                course_id=uid("cou", 3),
                supervisor_id=users[(n + 1) % len(users)],
                duties_from=PAST,
                grace_until=[None, PAST, FUTURE][n % 3],
                withdrawn_on=[None, None, None, PAST][n % 4],
            )
            for n, person in enumerate(users)
        ],
    )
    await add(Licence, [_licence(rng, stamped, n, person, evidence) for n, person in enumerate(users[:6])])
    await add(Authorisation, [_authorisation(rng, stamped, uid, n, users) for n in range(12)])
    await _scopes(add, org, uid, types)
    await add(ExperienceEntry, [_experience(rng, row, n, users, types) for n in range(15)])


async def _scopes(add: Add, org: UUID, uid: Uid, types: list[UUID]) -> None:
    rows = [{"org_id": org, "authorisation_id": uid("aut", n)} for n in range(12)]
    scoped = [{**row, "aircraft_type_id": types[n % 2]} for n, row in enumerate(rows) if n % 3]
    await add(AuthorisationType, scoped)
    required = [{**row, "course_id": uid("cou", course)} for n, row in enumerate(rows) for course in {n % 4, 3}]
    await add(AuthorisationCourse, required)


def _experience(rng: random.Random, row: Any, n: int, users: list[UUID], types: list[UUID]) -> dict[str, Any]:
    made: dict[str, Any] = row(
        "exp",
        n,
        user_id=users[n % 5],
        worked_on=date(2020, 1 + n % 12, 1 + n % 3),
        aircraft_type_id=[None, types[0], types[1]][n % 3],
        source=rng.choice(["Card 1", 'said "so"']),
        recorder_id=rng.choice([None, users[0]]),
    )
    return made


def _document(rng: random.Random, row: Any, n: int, users: list[UUID]) -> dict[str, Any]:
    made: dict[str, Any] = row(
        "doc",
        n,
        name=rng.choice(["a.pdf", "Zoë.pdf", "b 1.pdf"]),
        content_type=rng.choice(["application/pdf", "image/png"]),
        size=rng.choice([1, 2, 25_000_000]),
        sha256=f"{n % 3:064x}",
        purpose=list(DocumentPurpose)[n % 4],
        uploader_id=rng.choice([None, *users]),
    )
    return made | {"key": f"documents/{made['id']}"}


def _course(rng: random.Random, stamped: Any, n: int) -> dict[str, Any]:
    made: dict[str, Any] = stamped(
        "cou",
        n,
        code=f"C{n}",
        name=rng.choice(["Human factors", "Fuel tank safety"]),
        reference=rng.choice([None, "145.A.30(e)"]),
        validity_months=[None, 12, 24, 24][n],
        renewal_policy=rng.choice(list(RenewalPolicy)),
        grace_days=rng.choice([0, 90]),
        is_active=n != 2,
    )
    return made


def _record(
    rng: random.Random, stamped: Any, n: int, person: UUID, course: UUID, evidence: list[UUID]
) -> dict[str, Any]:
    voided = n % 5 == 4
    expires_on = [None, PAST, FUTURE][n % 3]
    made: dict[str, Any] = stamped(
        "tr",
        n,
        user_id=person,
        course_id=course,
        completed_on=date(2018, 1, 1 + n),
        expires_on=expires_on,
        validity_months=None if expires_on is None else 12,
        renewal_policy=RenewalPolicy.FROM_COMPLETION,
        renewal_window_months=3,
        evidence_id=rng.choice(evidence),
        note=rng.choice([None, "wind\nshear"]),
        is_current=n < 4 and not voided,
        recorder_id=rng.choice([None, person]),
        voided_at=datetime.fromisoformat("2025-01-01T00:00:00Z") if voided else None,
        void_reason="Wrong person" if voided else None,
    )
    return made


def _licence(rng: random.Random, stamped: Any, n: int, person: UUID, evidence: list[UUID]) -> dict[str, Any]:
    made: dict[str, Any] = stamped(
        "lic",
        n,
        user_id=person,
        authority=["EASA DE", "FAA"][n % 2],
        number=f"66.{n}",
        categories=rng.choice([None, "B1.1, C"]),
        issued_on=rng.choice([None, date(2015, 1, 1)]),
        expires_on=[None, PAST, FUTURE][n % 3],
        evidence_id=rng.choice([None, *evidence]),
    )
    return made


def _authorisation(rng: random.Random, stamped: Any, uid: Uid, n: int, users: list[UUID]) -> dict[str, Any]:
    state = [AuthorisationState.ACTIVE, AuthorisationState.ACTIVE, *AuthorisationState][n % 5]
    privilege = list(Privilege)[n % 5]
    made: dict[str, Any] = stamped(
        "aut",
        n,
        user_id=users[n % 6],
        number=f"A{n}",
        privilege=privilege,
        tasks=rng.choice([None, "Line maintenance"]),
        licence_id=uid("lic", n % 6) if privilege is Privilege.CERTIFYING_STAFF else None,
        valid_from=[PAST, date(2099, 1, 1)][n % 7 == 6],
        expires_on=[None, date(2019, 3, 1), FUTURE][n % 3],
        state=state,
        state_reason=None if state is AuthorisationState.ACTIVE else "Under inquiry",
        issuer_id=rng.choice([None, users[0]]),
    )
    if made["expires_on"] and made["expires_on"] <= made["valid_from"]:
        made["expires_on"] = None
    return made

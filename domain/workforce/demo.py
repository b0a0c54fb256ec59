"""The people of the demo's maintenance organization: what they passed, hold and may sign.

One of them, Rui, may not sign any more, for two reasons: his licence has run out, and so has a course.
"""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select

from db.files.documents import DocumentPurpose
from db.fleet.aircraft_types import AircraftType
from db.identity.organizations import Organization, OrganizationKind
from db.identity.users import User
from db.session import Database
from db.workforce.authorisations import Privilege
from db.workforce.courses import Course, RenewalPolicy
from domain.context import Actor, Ctx
from domain.files import documents
from domain.fleet.support import today
from domain.workforce import authorisations, courses, enrolments, experience, licences, training_records

KEEP = RenewalPolicy.KEEP_ANNIVERSARY
# Code, name, where it is demanded, months that it counts, days of supervised grace.
COURSES = (
    ("HF", "Human factors", "145.A.30(e)", 24, 0),
    ("FTS", "Fuel tank safety, phase 2", "AMC 145.A.30(e), Appendix IV", 24, 0),
    ("EWIS", "Electrical wiring interconnection system", "AMC 20-22", 24, 0),
    ("MOE", "Procedures of the organization", "145.A.35(d)", 24, 0),
    ("TYPE-A320", "Type training Airbus A318/A319/A320/A321, B1 and B2", "66.A.45", None, 0),
    ("RUN-UP", "Engine run-up and taxiing", "145.A.30(e)", 12, 60),
)
AISHA, INGRID, RUI, TOMAS = "engineer", "inspector", "certifier", "technician"
# Who passed which course how many months ago.
PASSED = (
    (AISHA, "HF", 26), (AISHA, "HF", 3), (AISHA, "FTS", 9), (AISHA, "EWIS", 9), (AISHA, "MOE", 14),
    (AISHA, "TYPE-A320", 70), (AISHA, "RUN-UP", 4), (INGRID, "HF", 23), (INGRID, "FTS", 7), (INGRID, "MOE", 20),
    (RUI, "HF", 27), (RUI, "MOE", 11), (RUI, "TYPE-A320", 40), (TOMAS, "HF", 12), (TOMAS, "MOE", 12),
    ("quality", "HF", 5), ("planner", "MOE", 13), ("stores", "HF", 8),
)  # fmt: skip
# Whose licence: number, categories, years since it was issued, days until it expires.
LICENCES = (
    (AISHA, "PT.66.1042", "B1.1, B2, C", 11, 900),
    (INGRID, "PT.66.0618", "B1.1, B1.3", 16, 45),
    (RUI, "PT.66.1377", "B1.1", 5, -12),
    (TOMAS, "PT.66.2210", "A1", 3, 1_200),
)
# Whose authorisation: number, privilege, tasks, required courses, whether for the A320 alone.
AUTHORISATIONS = (
    (AISHA, "SKY-001", Privilege.CERTIFYING_STAFF, "Base and line maintenance", ("HF", "FTS", "MOE"), False),
    (AISHA, "SKY-005", Privilege.COMPONENT_CERTIFYING, "Wheels, brakes and batteries", ("HF", "MOE"), False),
    (INGRID, "SKY-002", Privilege.INSPECTOR, "Required inspection items", ("HF", "MOE"), False),
    (RUI, "SKY-003", Privilege.CERTIFYING_STAFF, "Line maintenance", ("HF", "TYPE-A320"), True),
    (TOMAS, "SKY-004", Privilege.MECHANIC, "Scheduled maintenance tasks", ("HF", "MOE"), False),
    (INGRID, "SKY-006", Privilege.MECHANIC, "Structural repair", ("HF", "MOE"), False),
)
EXPERIENCED = (AISHA, RUI)
MONTHS_OF_WORK = 14


async def load(db: Database, actor: Actor) -> None:
    """Fill a maintenance organization in which there is no course; otherwise do nothing. One transaction."""
    async with db.tenant(actor.org_id, actor.user_id) as session:
        # Two loads at once would each see no course: the second waits here.
        kind = await session.scalar(
            select(Organization.kind).where(Organization.id == actor.org_id).with_for_update(key_share=True)
        )
        if kind != OrganizationKind.AMO or await session.scalar(select(Course.id).limit(1)):
            return
        rows = await session.execute(select(User.email, User.id))
        people = {row.email.partition("@")[0]: row.id for row in rows}
        if people.keys() >= {AISHA, INGRID, RUI, TOMAS}:
            await _Staff(Ctx(actor, session), people).make()


class _Staff:
    """The quality manager keeps the records."""

    def __init__(self, ctx: Ctx, people: dict[str, UUID]) -> None:
        self.ctx = Ctx(replace(ctx.actor, user_id=people.get("quality", ctx.actor.user_id)), ctx.session, ctx.now)
        self.people = people
        self.courses: dict[str, UUID] = {}
        self.licences: dict[str, UUID] = {}

    async def make(self) -> None:
        self.today = await today(self.ctx)
        self.types = {row.icao_designator: row.id for row in await self.ctx.session.scalars(select(AircraftType))}
        for code, name, reference, months, grace in COURSES:
            self.courses[code] = await courses.create(
                self.ctx,
                code=code,
                name=name,
                reference=reference,
                validity_months=months,
                renewal_policy=KEEP,
                grace_days=grace,
            )
        await self.training()
        await self.licensing()
        await self.authorising()
        days = [self.today - timedelta(days=30 * month + 3) for month in range(1, MONTHS_OF_WORK + 1)]
        for name in EXPERIENCED:
            for type_id in self.types.values():
                await experience.state(
                    self.ctx,
                    user_id=self.people[name],
                    days=days,
                    aircraft_type_id=type_id,
                    source="Logbook, checked by quality at entry",
                )

    async def training(self) -> None:
        evidence = await documents.store(
            self.ctx,
            name="Course certificates, scanned.pdf",
            content_type="application/pdf",
            data=blank_page(),
            purpose=DocumentPurpose.EVIDENCE,
        )
        for name, code, months in PASSED:
            if name in self.people:
                await training_records.record(
                    self.ctx,
                    user_id=self.people[name],
                    course_id=self.courses[code],
                    completed_on=self.today - timedelta(days=months * 30),
                    evidence_id=evidence,
                )
        await enrolments.enrol(
            self.ctx,
            user_id=self.people[TOMAS],
            course_id=self.courses["RUN-UP"],
            supervisor_id=self.people[AISHA],
            duties_from=self.today - timedelta(days=20),
        )

    async def licensing(self) -> None:
        for name, number, categories, years, days in LICENCES:
            self.licences[name] = await licences.create(
                self.ctx,
                user_id=self.people[name],
                authority="PT ANAC",
                number=number,
                categories=categories,
                issued_on=self.today - timedelta(days=years * 365),
                expires_on=self.today + timedelta(days=days),
            )

    async def authorising(self) -> None:
        for name, number, privilege, tasks, needed, only_one in AUTHORISATIONS:
            await authorisations.issue(
                self.ctx,
                user_id=self.people[name],
                number=number,
                privilege=privilege,
                tasks=tasks,
                valid_from=date(self.today.year - 2, 1, 15),
                licence_id=self.licences[name],
                aircraft_type_ids=[self.types["A320"]] if only_one else (),
                course_ids=[self.courses[code] for code in needed],
            )


def blank_page() -> bytes:
    """A PDF of one empty page of A4, which stands for the scan that an organization has."""
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
    ]
    made, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 4\n0000000000 65535 f \n%btrailer\n<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return made + end % (table, len(made))

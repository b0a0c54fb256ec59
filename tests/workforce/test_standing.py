"""Whether somebody may sign: through the commands, and the two forms of the rule compared on generated records."""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest
from sqlalchemy import func, select
from uuid_utils.compat import uuid7

from db.session import Database
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
from domain.context import Actor, Ctx
from domain.workforce import authorisations, enrolments, experience
from domain.workforce.authorisations import standing
from domain.workforce.rules.standing import reasons
from domain.workforce.standing import facts_of
from runtime.settings import Settings
from tests.factories import files, fleet, identity, workforce
from tests.factories.fleet import command, count_events

TODAY = datetime.now(UTC).date()
CERTIFYING, MECHANIC, FUELER = Privilege.CERTIFYING_STAFF, Privilege.MECHANIC, Privilege.FUELER


async def member(db: Database, settings: Settings, actor: Actor) -> UUID:
    return (await identity.person(db, settings, actor.org_id, "TECHNICIAN")).user_id


async def asked(
    db: Database, actor: Actor, user_id: UUID, privilege: Privilege, type_id: UUID | None, on: date = TODAY
):
    async with command(db, actor) as ctx:
        return await standing(ctx, user_id, privilege, type_id, on)


async def test_certifying_staff(db: Database, actor: Actor, settings: Settings) -> None:
    person = await member(db, settings, actor)
    a320, b737 = [await fleet.aircraft_type(db, actor, model=model) for model in ("A320-214", "737-8AS")]
    found = await asked(db, actor, person, CERTIFYING, a320)
    assert found.reasons == ("This person has no authorisation as certifying staff.",)
    first = await workforce.authorisation(
        db, actor, person, privilege=CERTIFYING, aircraft_type_ids=[a320], number="cs-1"
    )
    found = await asked(db, actor, person, CERTIFYING, a320)
    assert found.authorisation_id is None
    assert found.reasons == ("Recent experience is missing: work in 0 of the last 24 months, 6 are needed.",)
    assert (await asked(db, actor, person, CERTIFYING, b737)).reasons == (
        "No authorisation as certifying staff of this person covers the type Airbus 737-8AS.",
    )
    # Experience comes by itself from signing, one entry a day and type however often.
    events = await count_events(db, actor.org_id)
    async with command(db, actor) as ctx:
        for back in range(0, 180, 30):
            for _ in range(2):
                await experience.record(ctx, person, TODAY - timedelta(days=back), a320, f"Card {back}")
    assert await count_events(db, actor.org_id) == events + 6
    assert await asked(db, actor, person, CERTIFYING, a320) == authorisations.Standing(first, ())
    # A wider one that is suspended does not spoil it, and speaks for what it alone covers.
    wide = await workforce.authorisation(db, actor, person, privilege=CERTIFYING, number="cs-2")
    async with command(db, actor) as ctx:
        await authorisations.set_state(ctx, wide, state=AuthorisationState.SUSPENDED, reason="Under inquiry")
    assert (await asked(db, actor, person, CERTIFYING, a320)).authorisation_id == first
    assert (await asked(db, actor, person, CERTIFYING, b737)).reasons == ("The authorisation CS-2 is suspended.",)
    assert (await asked(db, actor, person, CERTIFYING, a320, date(2019, 12, 31))).authorisation_id is None


async def test_a_fueler_works_90_days_under_supervision(db: Database, actor: Actor, settings: Settings) -> None:
    """14 CFR 139.321(e)(1)."""
    person, supervisor = [await member(db, settings, actor) for _ in range(2)]
    course = await workforce.course(db, actor, code="fire", name="Fire safety", grace_days=90, validity_months=24)
    await workforce.authorisation(db, actor, person, privilege=FUELER, course_ids=[course])
    fire = "The course FIRE (Fire safety)"
    assert (await asked(db, actor, person, FUELER, None)).reasons == (f"{fire} has not been passed.",)
    start = TODAY - timedelta(days=10)
    enrol = {"user_id": person, "course_id": course, "duties_from": start}
    async with command(db, actor) as ctx:
        with pytest.raises(Exception, match="does not hold FIRE"):
            await enrolments.enrol(ctx, supervisor_id=supervisor, **enrol)
    record = await workforce.training(db, actor, supervisor, course, completed_on=start)
    async with command(db, actor) as ctx:
        enrolment = await enrolments.enrol(ctx, supervisor_id=supervisor, **enrol)
    last = start + timedelta(days=90)
    assert (await asked(db, actor, person, FUELER, None, last)).is_effective
    assert (await asked(db, actor, person, FUELER, None, last + timedelta(days=1))).reasons == (
        f"{fire} has not been passed, and the grace for it ended on {last}.",
    )
    async with command(db, actor) as ctx:
        await enrolments.set_withdrawn(ctx, enrolment, withdrawn=True)
        await enrolments.set_withdrawn(ctx, enrolment, withdrawn=True)
    assert (await asked(db, actor, person, FUELER, None)).reasons == (f"{fire} has not been passed.",)
    async with command(db, actor) as ctx:
        await enrolments.set_withdrawn(ctx, enrolment, withdrawn=False)
    assert (await asked(db, actor, person, FUELER, None)).is_effective
    async with command(db, actor) as ctx:
        await workforce.training_records.void(ctx, record, reason="Entered for somebody else")
    assert "who supervises" in (await asked(db, actor, person, FUELER, None)).reasons[0]


async def test_both_forms_of_the_rule_agree(db: Database, actor: Actor, settings: Settings) -> None:
    """SQL for lists, Python for decisions: on 90 authorisations and 8 days each, nothing differs by a letter."""
    chance = random.Random(145)
    people = [await member(db, settings, actor) for _ in range(3)]
    types = [await fleet.aircraft_type(db, actor) for _ in range(2)]
    evidence = await files.document(db, actor)
    days = [date(2024, 2, 29) + timedelta(days=chance.choice([-1, 0, 1, 30, 400, 700])) for _ in range(8)]
    seen = set()
    async with db.tenant(actor.org_id, actor.user_id) as session:
        ctx = Ctx(actor, session)
        await Generator(ctx, chance, people, types, days).run(evidence)
        for day in days:
            query = select(Authorisation.id, func.authorisation_reasons(Authorisation.org_id, Authorisation.id, day))
            in_sql = {id: tuple(found) for id, found in await session.execute(query)}
            in_python = {
                id: reasons(facts, day)
                for person in people
                for privilege in Privilege
                for id, facts in (await facts_of(ctx, person, privilege, day)).items()
            }
            assert in_sql == in_python
            seen |= {_shape(reason) for found in in_sql.values() for reason in found or ("",)}
        await session.rollback()
    assert (
        seen
        ^ {
            "",
            "The authorisation is suspended",
            "The authorisation is revoked",
            "The authorisation is valid from",
            "The authorisation expired on",
            "The licence is valid from",
            "The licence expired on",
            "The course expired on",
            "The course has not been passed",
            "The course has not been passed, and the grace for it ended on",
            "The course has not been passed, and who supervises the grace for it does not hold it",
            "Recent experience is missing",
        }
        == set()
    )


def _shape(reason: str) -> str:
    """A reason without what it names."""
    words = reason.partition(":")[0].rstrip(".").split()
    shown = [word for word in words if not any(letter in word for letter in "0123456789()")]
    return " ".join(word for word in shown if word != "LBA")


@dataclass
class Generator:
    """Makes records by chance, on days near those that are asked about."""

    ctx: Ctx
    chance: random.Random
    people: list[UUID]
    types: list[UUID]
    days: list[date]

    async def run(self, evidence: UUID) -> None:
        courses = [uuid7() for _ in range(6)]
        for n, id in enumerate(courses):
            self.add(Course(id=id, code=f"G{n}", name=f"({n})"))
        licences = [self.licence(n) for n in range(12)]
        await self.ctx.session.flush()
        for n, (person, course) in enumerate(product(self.people, courses)):
            # The first two courses only the third person takes, who supervises the second, who supervises the first.
            taken = course not in courses[:2] or person == self.people[2]
            self.training((2, 1, 2)[n % 3] if taken else 0, person, course, evidence)
            self.enrolment(person, course, [90, None, 90, 1][n % 4])
        for person in self.people:
            for day in sorted({self.near() for _ in range(14)}):
                kind = self.chance.choice([None, *self.types])
                self.add(ExperienceEntry(user_id=person, worked_on=day, aircraft_type_id=kind, source="Log"))
        for n in range(90):
            made = self.authorisation(n, licences)
            await self.ctx.session.flush()
            for course in self.chance.sample(courses, n % 4):
                self.add(AuthorisationCourse(authorisation_id=made.id, course_id=course))
            for kind in self.chance.sample(self.types, self.chance.choice([0, 1, 1, 2])):
                self.add(AuthorisationType(authorisation_id=made.id, aircraft_type_id=kind))
        await self.ctx.session.flush()

    def near(self) -> date:
        return self.chance.choice(self.days) + timedelta(days=self.chance.choice([-800, -90, -1, 0, 1, 90]))

    def after(self, day: date) -> date | None:
        return self.chance.choice([None, day + timedelta(days=self.chance.choice([1, 90, 365, 800]))])

    def add(self, made):
        made.org_id = self.ctx.actor.org_id
        self.ctx.session.add(made)
        return made

    def licence(self, n: int) -> Licence:
        issued = self.near()
        dates = {"issued_on": issued, "expires_on": self.after(issued)}
        return self.add(Licence(id=uuid7(), user_id=self.people[n % 3], authority="LBA", number=f"L{n}", **dates))

    def training(self, most: int, person: UUID, course: UUID, evidence: UUID) -> None:
        for day in sorted({self.near() for _ in range(most)}):
            expires = self.after(day)
            voided = self.chance.choice([None, None, None, self.ctx.now])
            terms = {"renewal_policy": RenewalPolicy.FROM_COMPLETION, "renewal_window_months": 3}
            dates = {"completed_on": day, "expires_on": expires, "validity_months": expires and 12, "voided_at": voided}
            record = TrainingRecord(user_id=person, course_id=course, evidence_id=evidence, **terms, **dates)
            record.void_reason = voided and "Wrong"
            self.add(record)

    def enrolment(self, person: UUID, course: UUID, grace: int | None) -> None:
        start = self.chance.choice(self.days) - timedelta(days=self.chance.choice([-1, 0, 1, 89, 90, 91]))
        withdrawn = self.chance.choice([None, None, start, start + timedelta(days=40)])
        supervisor = self.people[(self.people.index(person) + 1) % 3]
        dates = {"duties_from": start, "withdrawn_on": withdrawn}
        dates["grace_until"] = grace and start + timedelta(days=grace)
        self.add(Enrolment(user_id=person, course_id=course, supervisor_id=supervisor, **dates))

    def authorisation(self, n: int, licences: list[Licence]) -> Authorisation:
        person, start = self.people[n % 3], self.near()
        state = self.chance.choice([*AuthorisationState, AuthorisationState.ACTIVE, AuthorisationState.ACTIVE])
        return self.add(
            Authorisation(
                id=uuid7(),
                user_id=person,
                number=f"N{n}",
                privilege=list(Privilege)[n // 3 % 5],
                licence_id=self.chance.choice([each.id for each in licences if each.user_id == person]),
                valid_from=start,
                expires_on=self.after(start),
                state=state,
                state_reason=None if state is AuthorisationState.ACTIVE else "Why",
            )
        )

"""Whether somebody may sign: what the rule needs to know of a person's authorisations, read for one day."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import func, select

from db.fleet.aircraft_types import AircraftType
from db.identity.memberships import Membership, MembershipState
from db.identity.organizations import Organization
from db.workforce.authorisations import (
    Authorisation,
    AuthorisationCourse,
    AuthorisationState,
    AuthorisationType,
    Privilege,
)
from db.workforce.courses import Course
from db.workforce.enrolments import Enrolment
from db.workforce.experience import ExperienceEntry
from db.workforce.licences import Licence
from db.workforce.training_records import TrainingRecord
from domain.context import Ctx
from domain.workforce.rules import standing as rules
from domain.workforce.rules.months import add_months
from domain.workforce.rules.standing import (
    AuthorisationFacts,
    Experience,
    Grace,
    LicenceFacts,
    Passed,
    RequiredCourse,
)


@dataclass(frozen=True)
class Standing:
    """The authorisation under which somebody may sign, or the reasons why nobody lets them."""

    authorisation_id: UUID | None
    reasons: tuple[str, ...]

    @property
    def is_effective(self) -> bool:
        return not self.reasons


async def standing(ctx: Ctx, user_id: UUID, privilege: Privilege, aircraft_type_id: UUID | None, on: date) -> Standing:
    """Whether somebody has an effective authorisation with this privilege for a type of aircraft on a day; for None,
    work on components, whatever its types are. Of several that are not effective the one with the fewest reasons
    speaks. Any member may be asked about: the answer is part of signing, not of reading the workforce's records."""
    held = await facts_of(ctx, user_id, privilege, on)
    name = rules.NAMES[privilege]
    if not held:
        return Standing(None, (f"This person has no authorisation as {name}.",))
    covering = {id: facts for id, facts in held.items() if facts.covers(aircraft_type_id)}
    if not covering:
        kind = await _type_name(ctx, aircraft_type_id)
        return Standing(None, (f"No authorisation as {name} of this person covers the type {kind}.",))
    judged = {id: rules.reasons(facts, on) for id, facts in covering.items()}
    best = min(judged, key=lambda id: (len(judged[id]), id))
    return Standing(None if judged[best] else best, judged[best])


async def facts_of(ctx: Ctx, user_id: UUID, privilege: Privilege, on: date) -> dict[UUID, AuthorisationFacts]:
    """What the rule needs to know on a day of somebody's authorisations with a privilege; few statements, always."""
    org_id = ctx.actor.org_id
    rows = (
        await ctx.session.execute(
            select(Authorisation, Licence)
            .outerjoin(Licence, (Licence.org_id == org_id) & (Licence.id == Authorisation.licence_id))
            .where(
                Authorisation.org_id == org_id,
                Authorisation.user_id == user_id,
                Authorisation.privilege == privilege,
            )
            .order_by(Authorisation.id)
        )
    ).all()
    if not rows:
        return {}
    ids = [row.Authorisation.id for row in rows]
    types = await _types(ctx, ids)
    courses = await _courses(ctx, ids, user_id)
    member, experience = await _person(ctx, user_id, on)
    return {
        found.id: AuthorisationFacts(
            number=found.number,
            privilege=privilege,
            valid_from=found.valid_from,
            expires_on=found.expires_on,
            state=AuthorisationState(found.state),
            is_member=member,
            licence=_licence(licence),
            courses=tuple(courses[found.id]),
            types=types[found.id],
            experience=experience,
        )
        for found, licence in rows
    }


def _licence(found: Licence | None) -> LicenceFacts | None:
    return LicenceFacts(f"{found.authority} {found.number}", found.issued_on, found.expires_on) if found else None


async def _types(ctx: Ctx, ids: Iterable[UUID]) -> dict[UUID, frozenset[UUID]]:
    found: dict[UUID, frozenset[UUID]] = defaultdict(frozenset)
    query = select(AuthorisationType).where(
        AuthorisationType.org_id == ctx.actor.org_id, AuthorisationType.authorisation_id.in_(ids)
    )
    for row in await ctx.session.scalars(query):
        found[row.authorisation_id] |= {row.aircraft_type_id}
    return found


async def _courses(ctx: Ctx, ids: Iterable[UUID], user_id: UUID) -> dict[UUID, list[RequiredCourse]]:
    """What each authorisation requires, with what the person, and who supervises them, passed of it."""
    org_id = ctx.actor.org_id
    rows = (
        await ctx.session.execute(
            select(AuthorisationCourse.authorisation_id, Course, Enrolment)
            .join(Course, (Course.org_id == org_id) & (Course.id == AuthorisationCourse.course_id))
            .outerjoin(
                Enrolment,
                (Enrolment.org_id == org_id) & (Enrolment.course_id == Course.id) & (Enrolment.user_id == user_id),
            )
            .where(AuthorisationCourse.org_id == org_id, AuthorisationCourse.authorisation_id.in_(ids))
        )
    ).all()
    people = {user_id} | {row.Enrolment.supervisor_id for row in rows if row.Enrolment}
    passed = await _passed(ctx, people, {row.Course.id for row in rows})
    found: dict[UUID, list[RequiredCourse]] = defaultdict(list)
    for authorisation_id, course, enrolment in rows:
        grace = None
        if enrolment is not None:
            supervisor = tuple(passed[enrolment.supervisor_id, course.id])
            grace = Grace(enrolment.duties_from, enrolment.grace_until, enrolment.withdrawn_on, supervisor)
        name = f"{course.code} ({course.name})"
        found[authorisation_id].append(RequiredCourse(name, tuple(passed[user_id, course.id]), grace))
    return found


async def _passed(ctx: Ctx, people: Iterable[UUID], courses: Iterable[UUID]) -> dict[tuple[UUID, UUID], list[Passed]]:
    query = select(TrainingRecord).where(
        TrainingRecord.org_id == ctx.actor.org_id,
        TrainingRecord.user_id.in_(people),
        TrainingRecord.course_id.in_(courses),
        TrainingRecord.voided_at.is_(None),
    )
    found: dict[tuple[UUID, UUID], list[Passed]] = defaultdict(list)
    for row in await ctx.session.scalars(query):
        found[row.user_id, row.course_id].append(Passed(row.completed_on, row.expires_on))
    return found


async def _person(ctx: Ctx, user_id: UUID, on: date) -> tuple[bool, Experience]:
    """Whether they are a member, and their experience in the time that counts on a day."""
    org_id = ctx.actor.org_id
    member = select(func.count()).where(
        Membership.org_id == org_id, Membership.user_id == user_id, Membership.state == MembershipState.ACTIVE
    )
    needed, window, is_member = (
        await ctx.session.execute(
            select(
                Organization.experience_months, Organization.experience_window_months, member.scalar_subquery()
            ).where(Organization.id == org_id)
        )
    ).one()
    worked = select(ExperienceEntry.worked_on, ExperienceEntry.aircraft_type_id).where(
        ExperienceEntry.org_id == org_id,
        ExperienceEntry.user_id == user_id,
        ExperienceEntry.worked_on > add_months(on, -window),
        ExperienceEntry.worked_on <= on,
    )
    days = [(row.worked_on, row.aircraft_type_id) for row in await ctx.session.execute(worked)]
    return bool(is_member), Experience(days, needed, window)


async def _type_name(ctx: Ctx, id: UUID | None) -> str:
    found = await ctx.session.execute(
        select(AircraftType.manufacturer, AircraftType.model).where(
            AircraftType.org_id == ctx.actor.org_id, AircraftType.id == id
        )
    )
    row = found.one_or_none()
    return f"{row.manufacturer} {row.model}" if row else "that was asked for"

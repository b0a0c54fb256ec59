"""Whether an authorisation is effective on a day, or the reasons why it is not.

145.A.35(b): the licence stays valid throughout; (c): certifying staff were involved in at least 6 months of actual
relevant maintenance experience in any consecutive 2-year period; (d): recurrent training. A month counts in which there
was work of the scope (AMC 66.A.20(b)2: the months may be split over the period). What the organization demands beside
that, months and period, are its settings. Fuelling: 14 CFR 139.321(e).

`authorisation_reasons` in the database says the same of lists; a test compares the two.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from db.workforce.authorisations import AuthorisationState, Privilege
from domain.workforce.rules.months import add_months

NEEDS_EXPERIENCE = (Privilege.CERTIFYING_STAFF, Privilege.COMPONENT_CERTIFYING)
NAMES = {
    Privilege.CERTIFYING_STAFF: "certifying staff",
    Privilege.INSPECTOR: "inspector",
    Privilege.MECHANIC: "mechanic",
    Privilege.COMPONENT_CERTIFYING: "certifying staff for components",
    Privilege.FUELER: "fueler",
}


@dataclass(frozen=True)
class Passed:
    """One training: when it was completed, and its last day (None: for ever)."""

    completed_on: date
    expires_on: date | None

    def holds(self, on: date) -> bool:
        return self.completed_on <= on and (self.expires_on is None or self.expires_on >= on)


@dataclass(frozen=True)
class Grace:
    """Supervised work before a course is passed. `supervisor` is what the supervisor passed of it."""

    duties_from: date
    until: date | None
    withdrawn_on: date | None = None
    supervisor: tuple[Passed, ...] = ()


@dataclass(frozen=True)
class RequiredCourse:
    name: str
    passed: tuple[Passed, ...] = ()
    grace: Grace | None = None


@dataclass(frozen=True)
class LicenceFacts:
    name: str
    issued_on: date | None = None
    expires_on: date | None = None


@dataclass(frozen=True)
class Experience:
    """Days of work with the type of aircraft (None: components), and what the organization demands."""

    days: Collection[tuple[date, UUID | None]] = ()
    months_needed: int = 6
    window_months: int = 24


@dataclass(frozen=True)
class AuthorisationFacts:
    """All that decides. `types` are those of its scope; none is all."""

    number: str
    privilege: Privilege
    valid_from: date
    expires_on: date | None = None
    state: AuthorisationState = AuthorisationState.ACTIVE
    is_member: bool = True
    licence: LicenceFacts | None = None
    courses: tuple[RequiredCourse, ...] = ()
    types: frozenset[UUID] = frozenset()
    experience: Experience = field(default_factory=Experience)

    def covers(self, aircraft_type_id: UUID | None) -> bool:
        """Whether its scope has the type; work on components has none."""
        return aircraft_type_id is None or not self.types or aircraft_type_id in self.types


def reasons(facts: AuthorisationFacts, on: date) -> tuple[str, ...]:
    """Why the authorisation is not effective on a day: sentences, none when it is."""
    found = [
        *_own(facts, on),
        *_licence(facts.licence, on),
        *sorted(reason for course in facts.courses if (reason := _course(course, on))),
    ]
    if facts.privilege in NEEDS_EXPERIENCE:
        found += _experience(facts, on)
    return tuple(found)


def _own(facts: AuthorisationFacts, on: date) -> list[str]:
    found = []
    if facts.state is not AuthorisationState.ACTIVE:
        found.append(f"The authorisation {facts.number} is {facts.state.lower()}.")
    if facts.valid_from > on:
        found.append(f"The authorisation {facts.number} is valid from {facts.valid_from}.")
    if facts.expires_on is not None and facts.expires_on < on:
        found.append(f"The authorisation {facts.number} expired on {facts.expires_on}.")
    if not facts.is_member:
        found.append("The person is no longer a member of the organization.")
    return found


def _licence(licence: LicenceFacts | None, on: date) -> list[str]:
    found = []
    if licence and licence.issued_on is not None and licence.issued_on > on:
        found.append(f"The licence {licence.name} is valid from {licence.issued_on}.")
    if licence and licence.expires_on is not None and licence.expires_on < on:
        found.append(f"The licence {licence.name} expired on {licence.expires_on}.")
    return found


def _course(course: RequiredCourse, on: date) -> str | None:
    if any(passed.holds(on) for passed in course.passed):
        return None
    what = f"The course {course.name}"
    if lapsed := [passed.expires_on for passed in course.passed if passed.completed_on <= on and passed.expires_on]:
        return f"{what} expired on {max(lapsed)}."
    grace = course.grace
    if (
        grace is None
        or grace.until is None
        or grace.duties_from > on
        or (grace.withdrawn_on is not None and grace.withdrawn_on <= on)
    ):
        return f"{what} has not been passed."
    if grace.until < on:
        return f"{what} has not been passed, and the grace for it ended on {grace.until}."
    if not any(passed.holds(on) for passed in grace.supervisor):
        return f"{what} has not been passed, and who supervises the grace for it does not hold it."
    return None


def _experience(facts: AuthorisationFacts, on: date) -> list[str]:
    experience = facts.experience
    begin = add_months(on, -experience.window_months)
    months = {(day.year, day.month) for day, kind in experience.days if begin < day <= on and _is_relevant(facts, kind)}
    if len(months) >= experience.months_needed:
        return []
    return [
        f"Recent experience is missing: work in {len(months)} of the last {experience.window_months} months,"
        f" {experience.months_needed} are needed."
    ]


def _is_relevant(facts: AuthorisationFacts, kind: UUID | None) -> bool:
    if kind is None and facts.privilege is Privilege.COMPONENT_CERTIFYING:
        return True
    return not facts.types or kind in facts.types

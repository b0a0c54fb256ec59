"""Tables of the workforce's pure rules, with the figures of those who made them."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from db.workforce.authorisations import AuthorisationState, Privilege
from db.workforce.courses import RenewalPolicy
from domain.errors import UserErrors
from domain.workforce.rules import training
from domain.workforce.rules.authorisations import next_state
from domain.workforce.rules.months import add_months, add_months_keeping_end
from domain.workforce.rules.standing import (
    AuthorisationFacts,
    Experience,
    Grace,
    LicenceFacts,
    Passed,
    RequiredCourse,
    reasons,
)
from domain.workforce.rules.training import Terms, TrainingState


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("start", "months", "plain", "keeping_end"),
    [
        ("2025-01-31", 1, "2025-02-28", "2025-02-28"),
        ("2024-01-31", 1, "2024-02-29", "2024-02-29"),
        ("2023-02-28", 12, "2024-02-28", "2024-02-29"),
        ("2024-02-29", 12, "2025-02-28", "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29", "2028-02-29"),
        ("2025-06-30", -3, "2025-03-30", "2025-03-31"),
        ("2025-06-15", -3, "2025-03-15", "2025-03-15"),
        ("2025-01-15", -1, "2024-12-15", "2024-12-15"),
        ("2025-12-31", 2, "2026-02-28", "2026-02-28"),
    ],
)
def test_months(start: str, months: int, plain: str, keeping_end: str) -> None:
    assert add_months(day(start), months) == day(plain)
    assert add_months_keeping_end(day(start), months) == day(keeping_end)


KEEP = Terms(24, RenewalPolicy.KEEP_ANNIVERSARY)
YEARLY = Terms(12, RenewalPolicy.KEEP_ANNIVERSARY)
PLAIN = Terms(12)


@pytest.mark.parametrize(
    ("completed", "terms", "previous", "expected"),
    [
        # The IATA Dangerous Goods Regulations, as explained to shippers: passed on 7 February 2013, valid to the end
        # of February 2015; from 1 December 2014 on a recurrent course keeps it, and on 10 September 2014 it does not.
        ("2013-02-07", KEEP, None, "2015-02-28"),
        ("2014-12-01", KEEP, "2015-02-28", "2017-02-28"),
        ("2015-02-28", KEEP, "2015-02-28", "2017-02-28"),
        ("2014-11-30", KEEP, "2015-02-28", "2016-11-30"),
        ("2014-09-10", KEEP, "2015-02-28", "2016-09-30"),
        # AMC1 ORO.FC.145(g): within the last 3 months from the original expiry, before them from the month's end.
        ("2025-04-01", YEARLY, "2025-06-30", "2026-06-30"),
        ("2025-03-31", YEARLY, "2025-06-30", "2026-03-31"),
        # After a lapse it starts anew.
        ("2025-07-01", YEARLY, "2025-06-30", "2026-07-31"),
        # February stays February's end through leap years.
        ("2023-02-10", YEARLY, "2023-02-28", "2024-02-29"),
        ("2024-02-10", YEARLY, "2024-02-29", "2025-02-28"),
        ("2024-02-29", YEARLY, None, "2025-02-28"),
        # A day that is no month's end is kept as a day.
        ("2025-03-16", YEARLY, "2025-06-15", "2026-06-15"),
        ("2025-03-15", YEARLY, "2025-06-15", "2026-03-31"),
        # A window of another width.
        ("2025-05-01", Terms(12, RenewalPolicy.KEEP_ANNIVERSARY, 1), "2025-06-30", "2026-05-31"),
        ("2025-06-01", Terms(12, RenewalPolicy.KEEP_ANNIVERSARY, 1), "2025-06-30", "2026-06-30"),
        # From completion, whatever there was before.
        ("2024-02-29", PLAIN, None, "2025-02-28"),
        ("2025-04-01", PLAIN, "2025-06-30", "2026-04-01"),
        ("2025-08-31", Terms(6), None, "2026-02-28"),
        ("2025-04-01", Terms(None, RenewalPolicy.KEEP_ANNIVERSARY), "2025-06-30", None),
    ],
)
def test_expiry(completed: str, terms: Terms, previous: str | None, expected: str | None) -> None:
    found = training.expiry(day(completed), terms, previous and day(previous))
    assert found == (expected and day(expected))


def test_each_training_counts_from_the_one_before() -> None:
    done = [(day(text), YEARLY) for text in ("2022-06-10", "2023-05-02", "2024-04-01", "2025-03-31")]
    assert training.expiries(done) == [day(text) for text in ("2023-06-30", "2024-06-30", "2025-06-30", "2026-03-31")]
    # Without the second, the third came after a lapse and the chain breaks there.
    assert training.expiries([done[0], *done[2:]])[1:] == [day("2025-04-30"), day("2026-04-30")]


@pytest.mark.parametrize(
    ("expires", "today", "state"),
    [
        ("2026-03-01", "2025-12-30", TrainingState.VALID),
        ("2026-03-01", "2025-12-31", TrainingState.DUE),
        ("2026-03-01", "2026-03-01", TrainingState.DUE),
        ("2026-03-01", "2026-03-02", TrainingState.EXPIRED),
        (None, "2099-01-01", TrainingState.VALID),
    ],
)
def test_state(expires: str | None, today: str, state: TrainingState) -> None:
    assert training.state(expires and day(expires), 60, day(today)) is state


def test_grace_of_fuelling_staff() -> None:
    """14 CFR 139.321(e)(1): within 90 days of initiating duties."""
    assert training.grace_until(day("2024-01-01"), 90) == day("2024-03-31")
    assert training.grace_until(day("2024-01-01"), 0) is None


@pytest.mark.parametrize(
    ("now", "to", "allowed"),
    [(now, to, now != "REVOKED" or to == "REVOKED") for now in AuthorisationState for to in AuthorisationState],
)
def test_states(now: AuthorisationState, to: AuthorisationState, allowed: bool) -> None:
    if allowed:
        assert next_state(now, to) is to
    else:
        with pytest.raises(UserErrors, match="issue another"):
            next_state(now, to)


ON = day("2026-06-15")
A320, B737 = UUID(int=1), UUID(int=2)


def facts(privilege: Privilege = Privilege.MECHANIC, **values) -> AuthorisationFacts:
    return AuthorisationFacts(**{"number": "A1", "privilege": privilege, "valid_from": day("2020-01-01")} | values)


def course(*passed: tuple[str, str | None], grace: Grace | None = None) -> RequiredCourse:
    made = tuple(Passed(day(start), end and day(end)) for start, end in passed)
    return RequiredCourse("HF (Human factors)", made, grace)


def grace(until: str | None, **values) -> Grace:
    held = (Passed(day("2024-01-01"), None),)
    return Grace(**{"duties_from": day("2026-05-01"), "until": until and day(until), "supervisor": held} | values)


HF = "The course HF (Human factors)"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (facts(), ()),
        (facts(state=AuthorisationState.SUSPENDED), ("The authorisation A1 is suspended.",)),
        (facts(state=AuthorisationState.REVOKED), ("The authorisation A1 is revoked.",)),
        (facts(valid_from=ON), ()),
        (facts(valid_from=ON + timedelta(days=1)), ("The authorisation A1 is valid from 2026-06-16.",)),
        (facts(expires_on=ON), ()),
        (facts(expires_on=ON - timedelta(days=1)), ("The authorisation A1 expired on 2026-06-14.",)),
        (facts(is_member=False), ("The person is no longer a member of the organization.",)),
        (facts(licence=LicenceFacts("EASA 1", ON, ON)), ()),
        (facts(licence=LicenceFacts("EASA 1", day("2026-07-01"))), ("The licence EASA 1 is valid from 2026-07-01.",)),
        (
            facts(licence=LicenceFacts("EASA 1", None, day("2026-06-14"))),
            ("The licence EASA 1 expired on 2026-06-14.",),
        ),
        (facts(courses=(course(("2025-01-01", None)),)), ()),
        (facts(courses=(course(("2025-01-01", "2026-06-15")),)), ()),
        (facts(courses=(course(("2025-01-01", "2026-06-14")),)), (f"{HF} expired on 2026-06-14.",)),
        (facts(courses=(course(("2026-06-16", None)),)), (f"{HF} has not been passed.",)),
        (facts(courses=(course(),)), (f"{HF} has not been passed.",)),
        (facts(courses=(course(grace=grace("2026-06-15")),)), ()),
        (
            facts(courses=(course(grace=grace("2026-06-14")),)),
            (f"{HF} has not been passed, and the grace for it ended on 2026-06-14.",),
        ),
        (facts(courses=(course(grace=grace(None)),)), (f"{HF} has not been passed.",)),
        (facts(courses=(course(grace=grace("2026-08-01", withdrawn_on=ON)),)), (f"{HF} has not been passed.",)),
        (
            facts(courses=(course(grace=grace("2026-08-01", duties_from=day("2026-06-16"))),)),
            (f"{HF} has not been passed.",),
        ),
        (
            facts(
                courses=(
                    course(
                        grace=grace("2026-08-01", supervisor=()),
                    ),
                )
            ),
            (f"{HF} has not been passed, and who supervises the grace for it does not hold it.",),
        ),
        # Who has passed it before has no grace.
        (
            facts(courses=(course(("2024-01-01", "2026-01-01"), grace=grace("2026-08-01")),)),
            (f"{HF} expired on 2026-01-01.",),
        ),
    ],
)
def test_reasons(given: AuthorisationFacts, expected: tuple[str, ...]) -> None:
    assert reasons(given, ON) == expected


def work(*days: str, kind: UUID | None = A320, needed: int = 6, window: int = 24) -> Experience:
    return Experience([(day(text), kind) for text in days], needed, window)


SIX = ("2024-06-16", "2025-01-31", "2025-02-28", "2025-03-01", "2026-05-31", "2026-06-15")


@pytest.mark.parametrize(
    ("privilege", "experience", "types", "months"),
    [
        (Privilege.CERTIFYING_STAFF, work(*SIX), {A320}, None),
        # The period is the 24 months before the day: 15 June 2024 is one day too old.
        (Privilege.CERTIFYING_STAFF, work("2024-06-15", *SIX[1:]), {A320}, 5),
        # Two days of one month are one month; what is yet to come does not count.
        (Privilege.CERTIFYING_STAFF, work(*SIX[1:], "2026-05-01", "2026-06-16"), {A320}, 5),
        (Privilege.CERTIFYING_STAFF, work(*SIX, kind=B737), {A320}, 0),
        (Privilege.CERTIFYING_STAFF, work(*SIX, kind=B737), {A320, B737}, None),
        (Privilege.CERTIFYING_STAFF, work(*SIX, kind=B737), set(), None),
        (Privilege.CERTIFYING_STAFF, work(*SIX, kind=None), {A320}, 0),
        (Privilege.COMPONENT_CERTIFYING, work(*SIX, kind=None), {A320}, None),
        (Privilege.COMPONENT_CERTIFYING, work(), set(), 0),
        (Privilege.INSPECTOR, work(), set(), None),
        (Privilege.FUELER, work(), set(), None),
    ],
)
def test_recent_experience(privilege: Privilege, experience: Experience, types: set[UUID], months: int | None) -> None:
    """145.A.35(c): at least 6 months in any consecutive 2-year period, for those who certify."""
    found = reasons(facts(privilege, experience=experience, types=frozenset(types)), ON)
    if months is None:
        assert found == ()
    else:
        assert found == (f"Recent experience is missing: work in {months} of the last 24 months, 6 are needed.",)


def test_what_the_organization_demands() -> None:
    lenient = work("2026-05-01", needed=1, window=2)
    assert reasons(facts(Privilege.CERTIFYING_STAFF, experience=lenient), ON) == ()
    late = work("2026-04-15", needed=1, window=2)
    assert len(reasons(facts(Privilege.CERTIFYING_STAFF, experience=late), ON)) == 1


def test_all_reasons_at_once() -> None:
    found = reasons(
        facts(
            Privilege.CERTIFYING_STAFF,
            state=AuthorisationState.SUSPENDED,
            expires_on=day("2026-01-01"),
            is_member=False,
            licence=LicenceFacts("EASA 1", None, day("2026-01-01")),
            courses=(course(), RequiredCourse("FTS (Fuel tank safety)")),
        ),
        ON,
    )
    assert [reason.split()[1] for reason in found] == [
        "authorisation",
        "authorisation",
        "person",
        "licence",
        "course",
        "course",
        "experience",
    ]

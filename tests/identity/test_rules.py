"""The pure rules of identity, as tables. Each names its source."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.errors import UserErrors
from domain.identity.passwords import HASHER
from domain.identity.rules import emails, limits, passwords, roles, sessions, slugs
from domain.identity.rules.limits import Rule, gcra
from domain.identity.rules.organizations import time_zone_problem
from domain.permissions import Permission

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


# OWASP Authentication Cheat Sheet: length before composition rules, and a strength meter such as zxcvbn.
@pytest.mark.parametrize(
    ("password", "personal", "reason"),
    [
        ("", [], "at least 12"),
        ("Tr0ub4dor&3", [], "at least 12"),
        ("password1234", [], "too easy"),
        ("aaaaaaaaaaaaaaaa", [], "too easy"),
        ("qwertyuiopas", [], "too easy"),
        ("marta.ferreira", ["marta.ferreira@skyline.example"], "too easy"),
        ("skylinemaintenance", ["Skyline Maintenance"], "too easy"),
        ("correct horse battery staple", [], None),
        ("glacier-mandolin-57", [], None),
        ("трава-зелена-небо-синє", [], None),
        ("x7" * 101, [], "at most 200"),
    ],
)
def test_password_strength(password: str, personal: list[str], reason: str | None) -> None:
    found = passwords.weakness(password, personal)
    assert (found is None) if reason is None else (found is not None and reason in found)


def test_argon2id_has_the_parameters_owasp_asks_for() -> None:
    """OWASP Password Storage Cheat Sheet: argon2id, m=19456 (19 MiB), t=2, p=1."""
    assert HASHER.hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_long_password_is_scored_in_reasonable_time() -> None:
    begun = datetime.now(UTC)
    passwords.weakness("ab1!" * 50)
    assert datetime.now(UTC) - begun < timedelta(seconds=1)


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_bcrypt_hashes_are_recognized(prefix: str) -> None:
    assert passwords.is_bcrypt(f"{prefix}12$whatever")
    assert not passwords.is_bcrypt("$argon2id$v=19$")


@pytest.mark.parametrize(
    ("slug", "fine"),
    [
        ("skyline-maintenance", True),
        ("abc", True),
        ("a1-b2", True),
        ("ab", False),
        ("a" * 51, False),
        ("Skyline", False),
        ("1st-aviation", False),
        ("sky--line", False),
        ("-sky", False),
        ("sky-", False),
        ("sky line", False),
        ("skyliné", False),
        ("system", False),
        ("graphql", False),
        ("sky\n", False),
    ],
)
def test_slugs(slug: str, fine: bool) -> None:
    assert (slugs.problem(slug) is None) is fine


@pytest.mark.parametrize(
    ("name", "suffix", "slug"),
    [
        ("Skyline Maintenance", "", "skyline-maintenance"),
        ("São João Táxi Aéreo, Lda.", "", "sao-joao-taxi-aereo-lda"),
        ("3D Aero", "", "org-3d-aero"),
        ("System", "", "org-system"),
        ("航空", "", "org"),
        ("X", "", "org-x"),
        ("Skyline", "a1b2", "skyline-a1b2"),
        ("A" * 80, "a1b2", "a" * 45 + "-a1b2"),
    ],
)
def test_slug_from_a_name(name: str, suffix: str, slug: str) -> None:
    assert slugs.from_name(name, suffix) == slug
    assert slugs.problem(slug) is None


@pytest.mark.parametrize(
    ("given", "kept"),
    [(" Ann@Example.COM ", "Ann@example.com"), ("a.b+c@example.org", "a.b+c@example.org")],
)
def test_emails_are_kept_in_one_spelling(given: str, kept: str) -> None:
    assert emails.normalize(given) == kept


@pytest.mark.parametrize(
    "given", ["", "ann", "ann@", "@example.com", "a b@example.com", "a@b", "a@b.com\nBcc: c@d.com"]
)
def test_what_is_no_email(given: str) -> None:
    with pytest.raises(UserErrors) as refused:
        emails.normalize(given, "input", "email")
    assert refused.value.errors[0].path == ("input", "email")


@pytest.mark.parametrize(
    ("name", "fine"), [("UTC", True), ("Europe/Lisbon", True), ("Mars/Olympus", False), ("", False), ("../etc", False)]
)
def test_time_zones(name: str, fine: bool) -> None:
    assert (time_zone_problem(name) is None) is fine


def _live(*ages_in_hours: float) -> list[sessions.LiveSession]:
    return [
        sessions.LiveSession(UUID(int=number), NOW - timedelta(hours=age)) for number, age in enumerate(ages_in_hours)
    ]


# RULES.md, identity: at most 3 sessions; a fourth sign-in ends the least recently used; refresh lives 3 days.
@pytest.mark.parametrize(
    ("ages", "limit", "ended"),
    [
        ((), 3, []),
        ((1, 2), 3, []),
        ((1, 2, 3), 3, [2]),
        ((3, 1, 2), 3, [0]),
        ((1, 2, 3, 4, 5), 3, [4, 3, 2]),
        ((1, 2, 80), 3, []),
        ((1,), 1, [0]),
    ],
)
def test_which_sessions_give_way(ages: tuple[float, ...], limit: int, ended: list[int]) -> None:
    assert [found.int for found in sessions.giving_way(_live(*ages), limit, NOW)] == ended


def test_sessions_expire_with_their_refresh_token() -> None:
    assert [found.int for found in sessions.expired(_live(1, 71.9, 72, 100), NOW)] == [2, 3]


def test_token_lives() -> None:
    """RULES.md, identity: access 20 minutes, refresh 3 days."""
    assert timedelta(minutes=20) == sessions.ACCESS_TOKEN_LIFE
    assert timedelta(days=3) == sessions.REFRESH_TOKEN_LIFE


RULE = Rule("test", burst=3, interval=timedelta(seconds=10))


def test_gcra_allows_a_burst_then_one_each_interval() -> None:
    """ITU-T I.371: burst 3, one every 10 s."""
    free_at: float | None = None
    answers = []
    for at in (0, 0, 0, 0, 9, 10, 10, 20, 100, 100, 100, 100):
        decision = gcra(free_at, 1000.0 + at, RULE)
        free_at = decision.free_at
        answers.append(decision.allowed)
    assert answers == [True, True, True, False, False, True, False, True, True, True, True, False]


def test_gcra_says_how_long_to_wait_and_refunds() -> None:
    free_at: float | None = None
    for _ in range(3):
        free_at = gcra(free_at, 1000.0, RULE).free_at
    refused = gcra(free_at, 1004.0, RULE)
    assert not refused.allowed
    assert refused.retry_after == pytest.approx(6)
    assert gcra(limits.refund(refused.free_at, RULE), 1004.0, RULE).allowed


STAFF = {"FEED_POST", "DOCUMENT_UPLOAD", "FINDING_RESPOND"}


def test_owners_may_do_everything() -> None:
    everything = {str(permission) for permission in Permission}
    assert roles.permissions_of([roles.OWNER], {}) == everything


@pytest.mark.parametrize(
    ("key", "beside"),
    [
        ("VIEWER", set()),
        ("AUDITOR", set()),
        ("CLIENT", set()),
        ("ACCOUNTABLE_MANAGER", {"FEED_POST", "FINDING_RESPOND"}),
        ("SAFETY_MANAGER", STAFF | {"DEFECT_REPORT", "AUDIT_PERFORM"}),
        ("TECHNICIAN", STAFF | {"DEFECT_REPORT", "WORK_ORDER_SIGN"}),
        ("STORES", STAFF),
    ],
)
def test_what_roles_do_beside_reading(key: str, beside: set[str]) -> None:
    assert {name for name in roles.permissions_of([key], {}) if not name.endswith("_READ")} == beside


@pytest.mark.parametrize(
    "words",
    [
        ("OWNER", "ADMIN", "MEMBER", "VIEWER"),
        ("CLIENT", "ADMIN", "SUPER_ADMIN"),
        ("MANAGER", "DEVELOPER", "AUDITOR"),
        ("AMO_ADMIN", "QUALITY_MANAGER", "PLANNING_ENGINEER", "CERTIFYING_ENGINEER", "TECHNICIAN", "AUDITOR"),
    ],
)
def test_the_seeds_vocabularies_are_built_in(words: tuple[str, ...]) -> None:
    assert set(words) <= set(roles.BUILT_IN)


def test_roles_add_up_and_unknown_ones_allow_nothing() -> None:
    custom = {"FUELER": ["FLEET_READ", "PERMISSION_OF_LAST_YEAR"], "EMPTY": []}
    assert roles.permissions_of(["FUELER", "EMPTY", "GONE"], custom) == {"FLEET_READ"}
    assert roles.permissions_of(["CLIENT", "FUELER"], custom) == {"FLEET_READ", "ORGANIZATION_READ"}
    assert roles.beyond(["FLEET_READ", "ROLE_MANAGE"], frozenset({"FLEET_READ"})) == ["ROLE_MANAGE"]

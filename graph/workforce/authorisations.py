"""Authorisations in the graph."""

from datetime import date
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry
from sqlalchemy import func, select

from db.workforce.authorisations import Authorisation as AuthorisationRow
from db.workforce.authorisations import AuthorisationCourse, AuthorisationState, AuthorisationType, Privilege
from domain.context import Ctx
from domain.permissions import Permission
from domain.workforce import authorisations
from graph.compiler.projection import ActorBinds, column, computed, projection, to_many, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.inputs import EXPECTED_VERSION, VersionIfKnown, given
from graph.core.mutations import mutation
from graph.events.changed import changed
from graph.workforce.today import today

describe(
    Privilege,
    "What an authorisation lets somebody sign for.",
    {
        "CERTIFYING_STAFF": "Releasing aircraft to service (145.A.35); stands on a licence, and on recent experience.",
        "INSPECTOR": "Required inspections of what others did (14 CFR 121.371).",
        "MECHANIC": "Work that they did themselves.",
        "COMPONENT_CERTIFYING": "Releasing components to service; stands on recent experience.",
        "FUELER": "Fuelling aircraft (14 CFR 139.321).",
    },
)
describe(
    AuthorisationState,
    "What the organization decided about an authorisation; whether it is effective depends on more.",
    {
        "ACTIVE": "It stands.",
        "SUSPENDED": "It is taken away for the time being.",
        "REVOKED": "It is taken away for good.",
    },
)


def _reasons(m: Any, actor: ActorBinds) -> Any:
    return func.authorisation_reasons(m.org_id, m.id, today(actor))


def _in_scope(link: Any, column: str) -> Any:
    """The condition under which something is in the scope of an authorisation."""
    return lambda me, other, _: (
        select(link.authorisation_id)
        .where(link.org_id == me.org_id, link.authorisation_id == me.id, getattr(link, column) == other.id)
        .correlate(me, other)
        .exists()
    )


@projection(AuthorisationRow, prefix="aut", requires=Permission.WORKFORCE_READ, default_order=("number",), logged=True)
class Authorisation:
    """What the organization lets somebody sign for. It is effective on a day only while it is active and in its term,
    the person is a member, the licence is valid, every required course is passed (or its supervised grace runs), and,
    for certifying staff, there is recent experience."""

    user = to_one("User", "Whose it is; null when they have left the organization.", via="user_id", nullable=True)
    user_id = column("The id of whose it is, for filters.", id_prefix="usr", filter=True)
    number = column(
        "Its number in capital letters; unique in the organization.", filter=True, order=True, unique=True, search=True
    )
    privilege = column("What it lets them sign for.", enum=Privilege, filter=True, order=True)
    tasks = column("The tasks it is limited to, in words; null for all.", search=True)
    aircraft_types = to_many(
        "AircraftType",
        "The types of aircraft it is for; none at all for every type.",
        on=_in_scope(AuthorisationType, "aircraft_type_id"),
    )
    courses = to_many(
        "Course", "The courses that must be passed for it.", on=_in_scope(AuthorisationCourse, "course_id")
    )
    licence = to_one("Licence", "What it stands on; null when it needs none.", via="licence_id")
    licence_id = column("The id of the licence, for filters.", id_prefix="lic", filter=True)
    valid_from = column("The first day of its term.", filter=True, order=True)
    expires_on = column("The last day of its term; null for ever.", filter=True, order=True)
    state = column("What the organization decided.", enum=AuthorisationState, filter=True, order=True)
    state_reason = column("Why it is suspended or revoked; null while active.")
    effective = computed(
        "Whether they may sign under it today, in the organization's time zone.",
        bool,
        lambda m, actor: func.cardinality(_reasons(m, actor)) == 0,
        logged=False,
    )
    ineffective_reasons = computed(
        "Why they may not sign under it today, each a sentence; empty when they may.", list[str], _reasons, logged=False
    )
    issuer = to_one(
        "User", "Who issued it; null when they are no member of the organization.", via="issuer_id", nullable=True
    )
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was issued.", filter=True, order=True)
    updated_at = column("When it was last changed.")


authorisation = one("authorisation", Authorisation, "An authorisation by id.")
authorisation_list = many("authorisations", Authorisation, "The authorisations of the organization's people.")
authorisation_aggregate = aggregate(
    "authorisationAggregate", Authorisation, "Counts of authorisations, by privilege, state or term."
)

NUMBER = "Its number; 1 to 30 characters, stored in capital letters, unique in the organization."
TASKS = "The tasks it is limited to, in words; at most 1,000 characters, null for all."
LICENCE = "The licence it stands on, one of the person's, `lic_…`; certifying staff need one."
EXPIRES = "The last day of its term, after `validFrom`; null for ever."
TYPES = "The types of aircraft it is for, `at_…`; none for every type."
COURSES = "The courses that must be passed for it, `cou_…`."


@strawberry.input(description="A new authorisation.")
class IssueAuthorisationInput:
    user_id: strawberry.ID = strawberry.field(description="Whose it is: a member of the organization, `usr_…`.")
    number: str = strawberry.field(description=NUMBER)
    privilege: Privilege = strawberry.field(description="What it lets them sign for.")
    valid_from: date = strawberry.field(description="The first day of its term.")
    expires_on: date | None = strawberry.field(default=strawberry.UNSET, description=EXPIRES)
    tasks: str | None = strawberry.field(default=strawberry.UNSET, description=TASKS)
    licence_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=LICENCE)
    aircraft_type_ids: list[strawberry.ID] = strawberry.field(default_factory=list, description=TYPES)
    course_ids: list[strawberry.ID] = strawberry.field(default_factory=list, description=COURSES)


@strawberry.input(
    description="What to change of an authorisation. What is absent stays; null clears what may be null; lists are "
    "given whole."
)
class UpdateAuthorisationInput:
    id: strawberry.ID = strawberry.field(description="The authorisation, `aut_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    number: str | None = strawberry.field(default=strawberry.UNSET, description=NUMBER)
    valid_from: date | None = strawberry.field(default=strawberry.UNSET, description="The first day of its term.")
    expires_on: date | None = strawberry.field(default=strawberry.UNSET, description=EXPIRES)
    tasks: str | None = strawberry.field(default=strawberry.UNSET, description=TASKS)
    licence_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=LICENCE)
    aircraft_type_ids: list[strawberry.ID] | None = strawberry.field(default=strawberry.UNSET, description=TYPES)
    course_ids: list[strawberry.ID] | None = strawberry.field(default=strawberry.UNSET, description=COURSES)


NEVER_NULL = ("valid_from", "aircraft_type_ids", "course_ids")
PREFIXES = {"user_id": "usr", "licence_id": "lic", "aircraft_type_ids": "at", "course_ids": "cou"}


@mutation(requires=Permission.AUTHORISATION_MANAGE, entity=("authorisation", Authorisation))
async def issue_authorisation(ctx: Ctx, input: IssueAuthorisationInput) -> UUID:
    """Authorise somebody. It may be issued before it is effective: `ineffectiveReasons` says what is missing still."""
    return await authorisations.issue(ctx, **given(input, never_null=NEVER_NULL, prefixes=PREFIXES))


@mutation(requires=Permission.AUTHORISATION_MANAGE, entity=("authorisation", Authorisation))
async def update_authorisation(ctx: Ctx, input: UpdateAuthorisationInput) -> UUID:
    """Change number, term, scope or licence. For another person or privilege, issue another."""
    changes = given(input, but=("id", "expected_version"), never_null=NEVER_NULL, prefixes=PREFIXES)
    return await authorisations.update(
        ctx,
        ids.decode("aut", input.id),
        expected_version=input.expected_version,
        changes=cast(authorisations.Changes, changes),
    )


AuthorisationId = Annotated[strawberry.ID, strawberry.argument(description="The authorisation, `aut_…`.")]
State = Annotated[AuthorisationState, strawberry.argument(description="What is decided. A revoked one stays revoked.")]
Reason = Annotated[
    str | None,
    strawberry.argument(
        description="Why; 1 to 1,000 characters, seen by everybody who sees it. Needed for SUSPENDED and REVOKED."
    ),
]


@mutation(requires=Permission.AUTHORISATION_MANAGE, entity=("authorisation", Authorisation))
async def set_authorisation_state(
    ctx: Ctx, id: AuthorisationId, state: State, reason: Reason = None, expected_version: VersionIfKnown = None
) -> UUID:
    """Suspend, reinstate or revoke an authorisation. From then on the person may, or may not, sign under it; what they
    signed before stands."""
    return await authorisations.set_state(
        ctx, ids.decode("aut", id), state=state, reason=reason, expected_version=expected_version
    )


QUERIES = [authorisation, authorisation_list, authorisation_aggregate]
MUTATIONS = [issue_authorisation, update_authorisation, set_authorisation_state]
SUBSCRIPTIONS = [changed(Authorisation)]

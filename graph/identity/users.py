"""People in the graph: as others see them, and as they see themselves."""

from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import func, literal_column, select

from db.identity.memberships import Membership as MembershipRow
from db.identity.memberships import MembershipState
from db.identity.organizations import OrganizationKind
from db.identity.users import User as UserRow
from db.identity.users import UserState
from domain.context import Ctx
from domain.identity import users
from domain.permissions import Permission
from graph.compiler.projection import ActorBinds, column, computed, projection, to_many, to_one
from graph.compiler.roots import many, one, one_self
from graph.core.mutations import Guest, mutation, public_mutation
from graph.events.changed import changed
from graph.identity.gate import gate_of
from graph.identity.inputs import EXPECTED_VERSION, given

EMAIL = "An e-mail address; upper and lower case alike."


@projection(UserRow, prefix="usr", default_order=("name",), implements=("Actor",), logged=True)
class User:
    """A person. You see those who are or were members of the organization you work in."""

    name = column("What the person is called.", filter=True, order=True, search=True)
    email = column(
        "The e-mail address they sign in with.", filter=True, order=True, search=True, requires=Permission.MEMBER_READ
    )
    time_zone = column("Their IANA time zone.")
    state = column("Whether they may sign in.", enum=UserState, filter=True, requires=Permission.MEMBER_READ)
    membership = to_one(
        "Membership",
        "Their membership in the organization you work in; null for a superuser from the platform.",
        on=lambda me, other, actor: (other.user_id == me.id) & (other.org_id == actor.org_id),
        nullable=True,
    )
    departments = to_many("DepartmentMembership", "Their places in departments.", via="user_id")
    training_records = to_many("TrainingRecord", "What they passed, the latest first.", via="user_id")
    licences = to_many("Licence", "Their licences.", via="user_id")
    authorisations = to_many("Authorisation", "What they may sign for.", via="user_id")
    created_at = column("When they registered or were added.", order=True)


def _own_roles(me: Any, actor: ActorBinds) -> Any:
    """SELECT of the roles the person has in the organization they work in; no row for a guest superuser."""
    return (
        select(MembershipRow.roles)
        .where(
            MembershipRow.user_id == me.id,
            MembershipRow.org_id == actor.org_id,
            MembershipRow.state == MembershipState.ACTIVE,
        )
        .correlate(me)
    )


@projection(UserRow, prefix="vwr", visible=lambda m, actor: m.id == actor.user_id, logged=True, named="usr")
class Viewer:
    """You, signed in: who you are, where you work and what you may do there."""

    # What concerns the account alone is an event of one organization at most, of those that show it.
    name = column("What you are called.")
    email = column("The e-mail address you sign in with.")
    time_zone = column("Your IANA time zone.")
    email_verified_at = column("When you verified your e-mail address.", logged=False)
    is_superuser = column("Whether you may sign in to any organization.", logged=False)
    is_impersonating = computed(
        "Whether you work, as a superuser, in an organization you are no member of.",
        bool,
        lambda m, actor: m.is_superuser & ~_own_roles(m, actor).exists(),
        logged=False,
    )
    permissions = computed(
        "Everything your roles allow in the organization you work in.",
        list[Permission],
        lambda _, actor: actor.permissions,
    )
    roles = computed(
        "The keys of your roles in the organization you work in.",
        list[str],
        lambda m, actor: func.coalesce(_own_roles(m, actor).scalar_subquery(), literal_column("'{}'::text[]")),
    )
    organization = to_one(
        "Organization",
        "The organization you work in.",
        on=lambda _, other, actor: other.id == actor.org_id,
        nullable=True,
    )
    organizations = to_many(
        "Organization",
        "The organizations you belong to and may switch to.",
        on=lambda me, other, _: (
            select(MembershipRow.id)
            .where(
                MembershipRow.user_id == me.id,
                MembershipRow.org_id == other.id,
                MembershipRow.state == MembershipState.ACTIVE,
            )
            .correlate(me, other)
            .exists()
        ),
        logged=False,
    )
    user = to_one("User", "You, as others see you.", on=lambda me, other, _: other.id == me.id, nullable=True)
    sessions = to_many("Session", "Your sessions, on all devices and in all organizations.", via="user_id")
    session = to_one(
        "Session",
        "The session you use right now.",
        on=lambda _, other, actor: other.id == actor.session_id,
        nullable=True,
    )
    version = column("Counts changes of your profile; pass it as `expectedVersion`.", logged=False)


viewer = one_self(
    "viewer", Viewer, "You, signed in; null for the platform itself.", lambda m, actor: m.id == actor.user_id
)
user = one("user", User, "A person by id.")
user_list = many(
    "users",
    User,
    "The people who are or were members of the organization you work in.",
    where=lambda m, actor: m.id.in_(select(MembershipRow.user_id).where(MembershipRow.org_id == actor.org_id)),
)


@strawberry.input(description="What registration needs.")
class RegisterInput:
    email: str = strawberry.field(description=EMAIL)
    password: str = strawberry.field(description="At least 12 characters and hard to guess.")
    name: str = strawberry.field(description="What you are called.")
    organization_name: str = strawberry.field(description="What your organization is called.")
    kind: OrganizationKind = strawberry.field(description="What kind of business it is.")
    time_zone: str = strawberry.field(default="UTC", description="The IANA time zone of both.")


@strawberry.input(description="A token from a mail.")
class VerifyEmailInput:
    token: str = strawberry.field(description="The token from the mail; it works once.")


@strawberry.input(description="To whom to send a mail.")
class MailInput:
    email: str = strawberry.field(description=EMAIL)


@strawberry.input(description="A token from a mail and the new password.")
class ResetPasswordInput:
    token: str = strawberry.field(description="The token from the mail; it works once.")
    password: str = strawberry.field(description="At least 12 characters and hard to guess.")


@strawberry.input(description="What to change of your profile; what is absent stays.")
class UpdateProfileInput:
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    name: str | None = strawberry.field(default=strawberry.UNSET, description="Another name.")
    time_zone: str | None = strawberry.field(default=strawberry.UNSET, description="Another IANA time zone.")


@public_mutation(payload={"accepted": (bool | None, "True when the input was accepted; look into your mail.")})
async def register(guest: Guest, input: RegisterInput) -> dict[str, object]:
    """Register yourself and your organization, and get a mail to verify the address. The answer is the same
    whether or not the address is known already."""
    await users.register(
        gate_of(guest),
        email=input.email,
        password=input.password,
        name=input.name,
        organization_name=input.organization_name,
        kind=input.kind,
        time_zone=input.time_zone,
    )
    return {"accepted": True}


@public_mutation(payload={"verified": (bool | None, "True when you may sign in now.")})
async def verify_email(guest: Guest, input: VerifyEmailInput) -> dict[str, object]:
    """Verify your e-mail address with the token from the mail."""
    await users.verify_email(gate_of(guest), token=input.token)
    return {"verified": True}


@public_mutation(payload={"accepted": (bool | None, "True; a mail comes if the address waits for it.")})
async def request_verification(guest: Guest, input: MailInput) -> dict[str, object]:
    """Get another mail to verify your e-mail address. The answer does not tell whether the address is known."""
    await users.request_verification(gate_of(guest), email=input.email)
    return {"accepted": True}


@public_mutation(payload={"accepted": (bool | None, "True; a mail comes if the address is known.")})
async def request_password_reset(guest: Guest, input: MailInput) -> dict[str, object]:
    """Get a mail to set a new password. The answer does not tell whether the address is known."""
    await users.request_password_reset(gate_of(guest), email=input.email)
    return {"accepted": True}


@public_mutation(payload={"reset": (bool | None, "True when the new password is set.")})
async def reset_password(guest: Guest, input: ResetPasswordInput) -> dict[str, object]:
    """Set a new password with the token from the mail. All your sessions end."""
    await users.reset_password(gate_of(guest), token=input.token, password=input.password)
    return {"reset": True}


@mutation(entity=("user", User))
async def update_profile(ctx: Ctx, input: UpdateProfileInput) -> UUID:
    """Change your own name or time zone."""
    return await users.update_profile(ctx, **given(input))


QUERIES = [viewer, user, user_list]
MUTATIONS = [register, verify_email, request_verification, request_password_reset, reset_password, update_profile]
SUBSCRIPTIONS = [changed(User, requires=Permission.MEMBER_READ)]

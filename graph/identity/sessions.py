"""Sessions in the graph: signing in and out."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

import graph.identity.enums  # noqa: F401 - described before a type names them
from db.identity.sessions import EndReason
from db.identity.sessions import Session as SessionRow
from domain.context import Ctx
from domain.errors import UnauthenticatedError
from domain.identity import sessions
from domain.identity.sessions import Tokens
from graph.compiler.projection import column, computed, projection, to_one
from graph.core import ids
from graph.core.mutations import Guest, mutation, public_mutation
from graph.identity.gate import gate_of


@projection(
    SessionRow, prefix="ses", default_order=("-lastUsedAt",), visible=lambda m, actor: m.user_id == actor.user_id
)
class Session:
    """A sign-in of yours on one device. Nobody else sees it."""

    device_id = column("What the client calls its device; empty when it did not say.")
    user_agent = column("The program that was used last.")
    address = column("The network address it was used from last.")
    is_current = computed("Whether you use it right now.", bool, lambda m, actor: m.id == actor.session_id)
    is_impersonating = column("Whether a superuser works in a foreign organization.", source="impersonating")
    organization = to_one("Organization", "The organization it works in.", via="current_org_id", nullable=True)
    created_at = column("When you signed in.", order=True)
    last_used_at = column("When its tokens were last refreshed.", order=True)
    ended_at = column("When it ended; null while it lives.", filter=True)
    end_reason = column("Why it ended.", enum=EndReason, filter=True)


TOKENS: dict[str, tuple[Any, str]] = {
    "accessToken": (str | None, "Send it as `Authorization: Bearer …`; it works for 20 minutes."),
    "accessTokenExpiresAt": (datetime | None, "When the access token stops working."),
    "refreshToken": (str | None, "Trade it for new tokens with `refresh`, once."),
    "refreshTokenExpiresAt": (datetime | None, "When the refresh token stops working."),
    "sessionId": (strawberry.ID | None, "The session, `ses_…`."),
    "userId": (strawberry.ID | None, "Who is signed in, `usr_…`."),
    "organizationId": (strawberry.ID | None, "The organization the tokens work in, `org_…`."),
    "isImpersonating": (bool | None, "Whether a superuser works in an organization they are no member of."),
}


def _payload(tokens: Tokens) -> dict[str, Any]:
    return {
        "accessToken": tokens.access_token,
        "accessTokenExpiresAt": tokens.access_expires_at,
        "refreshToken": tokens.refresh_token,
        "refreshTokenExpiresAt": tokens.refresh_expires_at,
        "sessionId": ids.encode("ses", tokens.session_id),
        "userId": ids.encode("usr", tokens.user_id),
        "organizationId": ids.encode("org", tokens.org_id),
        "isImpersonating": tokens.impersonating,
    }


@strawberry.input(description="Who signs in, and where.")
class SignInInput:
    email: str = strawberry.field(description="The e-mail address; upper and lower case alike.")
    password: str = strawberry.field(description="The password.")
    organization: str | None = strawberry.field(
        default=None,
        description="Slug of the organization to work in; without it, the one you worked in last.",
    )


@strawberry.input(description="A refresh token.")
class RefreshInput:
    refresh_token: str = strawberry.field(description="The newest refresh token of the session.")


@strawberry.input(description="Where to go on working.")
class SwitchOrganizationInput:
    organization: str = strawberry.field(description="Slug of an organization you belong to.")


@public_mutation(payload=TOKENS)
async def sign_in(guest: Guest, input: SignInInput) -> dict[str, Any]:
    """Sign in with e-mail and password. A sign-in beyond the organization's limit of sessions ends the one that was
    used least recently. A superuser may name any organization."""
    tokens = await sessions.sign_in(
        gate_of(guest), email=input.email, password=input.password, organization=input.organization
    )
    return _payload(tokens)


@public_mutation(payload=TOKENS)
async def refresh(guest: Guest, input: RefreshInput) -> dict[str, Any]:
    """Trade a refresh token for new tokens. A token that comes back a second time ends its session."""
    return _payload(await sessions.refresh(gate_of(guest), refresh_token=input.refresh_token))


@public_mutation(payload=TOKENS, signed_in=True)
async def switch_organization(guest: Guest, input: SwitchOrganizationInput) -> dict[str, Any]:
    """Move this session to another organization. You get new tokens, and the older ones stop working."""
    actor = guest.actor
    if actor is None or actor.session_id is None or actor.user_id is None:
        raise UnauthenticatedError("Sign in to switch to another organization.")
    tokens = await sessions.switch_organization(
        gate_of(guest), session_id=actor.session_id, user_id=actor.user_id, organization=input.organization
    )
    return _payload(tokens)


SessionId = Annotated[
    strawberry.ID | None, strawberry.argument(description="The session to end; without it, the one you use.")
]


@mutation(payload={"sessionId": (strawberry.ID | None, "The session that ended.")})
async def sign_out(ctx: Ctx, id: SessionId = None) -> dict[str, Any]:
    """End this session, or another one of yours. Its tokens stop working at once."""
    ended: UUID = await sessions.sign_out(ctx, ids.decode("ses", id) if id else None)
    return {"sessionId": ids.encode("ses", ended)}


@mutation(payload={"ended": (int | None, "How many sessions ended.")})
async def sign_out_all(ctx: Ctx) -> dict[str, Any]:
    """End all your sessions, this one included."""
    return {"ended": await sessions.sign_out_all(ctx)}


MUTATIONS = [sign_in, refresh, switch_organization, sign_out, sign_out_all]

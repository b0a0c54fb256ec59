"""Signatures: by an authorisation that is effective for the aircraft's type today, or not at all."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from db.fleet.aircraft import Aircraft
from db.workforce.authorisations import Privilege
from domain.context import Ctx
from domain.errors import ErrorCode, ForbiddenError
from domain.fleet.rules.refusals import Refusals
from domain.workforce import authorisations


def signatory(ctx: Ctx) -> UUID:
    """Who signs: a person, in their own name."""
    if ctx.actor.user_id is None or ctx.actor.impersonator_id is not None:
        raise ForbiddenError("Only a member of the organization signs, in their own name.")
    return ctx.actor.user_id


async def authorised(
    ctx: Ctx, refusals: Refusals, privileges: Sequence[Privilege], aircraft: Aircraft, on: date
) -> UUID | None:
    """The authorisation that the actor signs by: of the first of these privileges for which one is effective. When
    none is, the reasons are kept, those of each privilege, once each."""
    reasons: dict[str, None] = {}
    for privilege in privileges:
        standing = await authorisations.standing(ctx, signatory(ctx), privilege, aircraft.type_id, on)
        if not standing.reasons:
            return standing.authorisation_id
        reasons |= dict.fromkeys(standing.reasons)
    for reason in reasons:
        refusals.add(ErrorCode.NOT_ALLOWED, reason)
    return None

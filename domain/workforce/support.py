"""What the commands of the workforce share."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import select

from db.files.documents import DocumentPurpose
from db.identity.memberships import Membership, MembershipState
from domain.context import Ctx
from domain.errors import ErrorCode, UserErrors, refuse
from domain.files import documents
from domain.fleet.rules.refusals import Refusals
from domain.fleet.rules.texts import named


async def check_member(ctx: Ctx, refusals: Refusals, user_id: UUID, path: str = "userId") -> None:
    """Refuses who is not, or is no longer, a member of the organization."""
    found = await ctx.session.scalar(
        select(Membership.id).where(
            Membership.org_id == ctx.actor.org_id,
            Membership.user_id == user_id,
            Membership.state == MembershipState.ACTIVE,
        )
    )
    if found is None:
        refusals.add(ErrorCode.NOT_FOUND, "This person is no member of the organization; invite them first.", path)


async def check_evidence(ctx: Ctx, refusals: Refusals, evidence_id: UUID, path: str = "evidenceId") -> None:
    """Refuses what is no document that was uploaded as evidence."""
    if error := await documents.problem(ctx, evidence_id, DocumentPurpose.EVIDENCE):
        refusals.add(error.code, error.message, path)


def finish(*collected: Refusals) -> None:
    """Raises UserErrors with all that was refused, for a mutation with an argument for each."""
    if errors := [error for refusals in collected for error in refusals.errors]:
        raise UserErrors(*errors)


def upper(what: str, longest: int) -> Callable[[str], str]:
    """A rule for a required text that is stored in capital letters, so that case makes no difference."""
    rule = named(what, longest)
    return lambda text: rule(rule(text).upper())


def within(what: str, least: int, most: int) -> Callable[[Any], Any]:
    """A rule for a whole number; `what` begins its sentence."""

    def rule(number: int) -> int:
        if not least <= number <= most:
            raise refuse(ErrorCode.OUT_OF_RANGE, f"{what} is {number}; {least} to {most} are possible.")
        return number

    return rule

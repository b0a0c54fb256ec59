"""Commands on licences. A renewed one keeps its row: a new expiry date and new evidence."""

from datetime import date
from typing import Any, TypedDict
from uuid import UUID

from db.workforce.licences import Licence
from domain.context import Ctx
from domain.entities import access, change, unique, unreferenced
from domain.errors import ErrorCode, UserErrors, refuse
from domain.fleet.rules.refusals import Refusals
from domain.fleet.rules.texts import named
from domain.fleet.support import snapshot
from domain.permissions import Permission
from domain.workforce.support import check_evidence, check_member, upper

PREFIX = "lic"
FIELDS = ("user_id", "authority", "number", "categories", "issued_on", "expires_on", "evidence_id")
REQUIRED = {"authority": upper("The authority", 50), "number": upper("The number", 50)}
_categories = named("The text of categories", 200)


class Changes(TypedDict, total=False):
    """What to change; a key that is absent stays as it is. None clears an optional field."""

    authority: str
    number: str
    categories: str | None
    issued_on: date | None
    expires_on: date | None
    evidence_id: UUID | None


async def create(
    ctx: Ctx,
    *,
    user_id: UUID,
    authority: str,
    number: str,
    categories: str | None = None,
    issued_on: date | None = None,
    expires_on: date | None = None,
    evidence_id: UUID | None = None,
) -> UUID:
    ctx.check(Permission.WORKFORCE_MANAGE)
    refusals = Refusals()
    await check_member(ctx, refusals, user_id)
    given = {
        "authority": authority,
        "number": number,
        "categories": categories,
        "issued_on": issued_on,
        "expires_on": expires_on,
        "evidence_id": evidence_id,
    }
    values = await _checked(ctx, refusals, given)
    _check_dates(refusals, issued_on, expires_on)
    refusals.finish()
    made = Licence(org_id=ctx.actor.org_id, user_id=user_id, **values)
    async with unique(ctx, uq_licences_org_id_authority_number=_taken(made.authority, made.number)):
        ctx.session.add(made)
    ctx.record("licence.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    return made.id


async def update(ctx: Ctx, licence_id: UUID, *, expected_version: int, changes: Changes) -> UUID:
    ctx.check(Permission.WORKFORCE_MANAGE)
    found = await access(ctx, Licence, licence_id, "licence", expected_version)
    refusals = Refusals()
    values = await _checked(ctx, refusals, dict(changes))
    _check_dates(refusals, values.get("issued_on", found.issued_on), values.get("expires_on", found.expires_on))
    refusals.finish()
    authority, number = values.get("authority", found.authority), values.get("number", found.number)
    async with unique(ctx, uq_licences_org_id_authority_number=_taken(authority, number)):
        before, after = change(found, **values)
    if after:
        ctx.record("licence.updated", PREFIX, found.id, before=before, after=after)
    return found.id


async def delete(ctx: Ctx, licence_id: UUID, *, expected_version: int) -> UUID:
    """Only a licence that no authorisation ever stood on goes."""
    ctx.check(Permission.WORKFORCE_MANAGE)
    found = await access(ctx, Licence, licence_id, "licence", expected_version)
    before = snapshot(found, FIELDS)
    in_use = refuse(ErrorCode.IN_USE, f"An authorisation stands on {found.authority} {found.number}; it is kept.", "id")
    async with unreferenced(ctx, in_use):
        await ctx.session.delete(found)
    ctx.record("licence.deleted", PREFIX, licence_id, before=before)
    return licence_id


async def _checked(ctx: Ctx, refusals: Refusals, given: dict[str, Any]) -> dict[str, Any]:
    """The clean values of what is given; a refused one is None and its refusal kept."""
    values = dict(given)
    for name, rule in REQUIRED.items():
        if name in given:
            values[name] = refusals.take(rule, given[name] or "", name)
    if "categories" in given:
        values["categories"] = refusals.optional(_categories, given["categories"], "categories")
    if given.get("evidence_id") is not None:
        await check_evidence(ctx, refusals, given["evidence_id"])
    return values


def _check_dates(refusals: Refusals, issued_on: date | None, expires_on: date | None) -> None:
    if issued_on is not None and expires_on is not None and expires_on <= issued_on:
        message = f"The licence would expire on {expires_on}, which is not after it was issued ({issued_on})."
        refusals.add(ErrorCode.OUT_OF_RANGE, message, "expiresOn")


def _taken(authority: str, number: str) -> UserErrors:
    message = f"The licence {authority} {number} is in the organization already."
    return refuse(ErrorCode.TAKEN, message, "input", "number")

"""What the fleet's commands share: locked reads, what changed, and races that only the database sees."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from db.base import TenantMixin
from db.identity.organizations import Organization
from domain.context import Ctx
from domain.errors import ConflictError, NotFoundError, UserError, UserErrors
from domain.fleet.rules.utilisation import local_date

Entity = TypeVar("Entity", bound=TenantMixin)


async def today(ctx: Ctx) -> date:
    """The organization's local date."""
    zone = await ctx.session.scalar(select(Organization.time_zone).where(Organization.id == ctx.actor.org_id))
    return local_date(ctx.now, zone or "UTC")


async def find(ctx: Ctx, model: type[Entity], id: UUID, *, lock: bool = False) -> Entity | None:
    """The organization's row as the database has it now; `lock` keeps it until the transaction ends."""
    query = select(model).where(model.org_id == ctx.actor.org_id, model.id == id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return await ctx.session.scalar(query)


async def fetch(ctx: Ctx, model: type[Entity], id: UUID, what: str) -> Entity:
    """The locked row; NotFoundError (also for another organization's) without one."""
    found = await find(ctx, model, id, lock=True)
    if found is None:
        raise NotFoundError(f"There is no {what} with this id in the organization.")
    return found


def check_version(found: Any, expected: int | None, what: str) -> None:
    """Raises ConflictError when the row has changed since the caller read it. None asks for no check."""
    if expected is not None and found.version != expected:
        raise ConflictError(
            f"The {what} has version {found.version} and not {expected}: someone changed it in the meantime."
            " Read it again and repeat the change on what it is now."
        )


def plain(value: Any) -> Any:
    """A JSON value of a column's."""
    return str(value) if isinstance(value, date | UUID | Decimal) else value


def apply(entity: Any, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set `values` on `entity`; what differed before and after, as JSON values for the event."""
    before, after = {}, {}
    for name, value in values.items():
        old = getattr(entity, name)
        if old != value:
            before[name], after[name] = plain(old), plain(value)
            setattr(entity, name, value)
    return before, after


def snapshot(entity: Any, names: Iterable[str]) -> dict[str, Any]:
    """The named columns that have a value, for the event of a creation or a deletion."""
    values = {name: getattr(entity, name) for name in names}
    return {name: plain(value) for name, value in values.items() if value is not None}


@asynccontextmanager
async def races(refusals: Mapping[str, UserError]) -> AsyncIterator[None]:
    """Turn a violated constraint into the refusal that the check before would have given, had it seen the other
    transaction. `refusals` is by constraint name."""
    try:
        yield
    except IntegrityError as error:
        name = str(getattr(error.orig.__cause__, "constraint_name", "")) if error.orig else ""
        if name in refusals:
            raise UserErrors(refusals[name]) from None
        raise

"""Fetching what a command changes, and changing it so that the event says what changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from db.base import Base
from domain.context import Ctx
from domain.errors import ConflictError, NotFoundError, UserErrors

E = TypeVar("E", bound=Base)
FOREIGN_KEYS = ("23503", "23001")  # foreign_key_violation, restrict_violation


async def access(ctx: Ctx, model: type[E], id: UUID, label: str, expected_version: int | None = None) -> E:
    """The organization's entity, locked until the transaction ends.

    NotFoundError when it is not there (or another organization's), ConflictError when its version is not the
    expected one. `label` names it in sentences, like "department".
    """
    columns: Any = model
    # Fresh values: the lock is on the row as it is now, not as this session may have read it before.
    query = select(model).where(columns.id == id).with_for_update().execution_options(populate_existing=True)
    if "org_id" in model.__table__.columns:
        query = query.where(columns.org_id == ctx.actor.org_id)
    found: Any = await ctx.session.scalar(query)
    if found is None:
        raise NotFoundError(f"There is no such {label}.")
    check_version(found.version if expected_version is not None else None, expected_version, label)
    entity: E = found
    return entity


def check_version(version: int | None, expected: int | None, label: str) -> None:
    """Raises ConflictError when somebody changed the entity since it was read."""
    if expected is not None and version != expected:
        raise ConflictError(
            f"The {label} has changed meanwhile: its version is {version}, not {expected}. Read it again."
        )


def change(entity: Base, **values: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set what differs; returns (before, after) of just that, as JSON values for an event."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name, value in values.items():
        if (old := getattr(entity, name)) != value:
            before[name], after[name] = as_json(old), as_json(value)
            setattr(entity, name, value)
    return before, after


def as_json(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(item) for item in value]
    return value


@asynccontextmanager
async def unique(ctx: Ctx, **refusals: UserErrors) -> AsyncIterator[None]:
    """Flushes what the block changed; a violation of a named unique constraint becomes its refusal.

    The database decides, so two commands at once cannot both pass.
    """
    try:
        async with ctx.session.begin_nested():
            yield
    except IntegrityError as error:
        violated = getattr(error.orig.__cause__, "constraint_name", None) if error.orig else None
        if violated in refusals:
            raise refusals[violated] from None
        raise


@asynccontextmanager
async def unreferenced(ctx: Ctx, refusal: UserErrors) -> AsyncIterator[None]:
    """Flushes what the block deleted; when rows of whatever room refer to it still, that is the refusal."""
    try:
        async with ctx.session.begin_nested():
            yield
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) in FOREIGN_KEYS:
            raise refusal from None
        raise

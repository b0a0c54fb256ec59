"""What the fleet's commands share."""

from collections.abc import Iterable
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select

from db.base import TenantMixin
from domain.context import Ctx
from domain.entities import as_json
from domain.fleet.rules.utilisation import local_date

Entity = TypeVar("Entity", bound=TenantMixin)


async def today(ctx: Ctx) -> date:
    """The organization's local date."""
    return local_date(ctx.now, await ctx.time_zone())


async def find(ctx: Ctx, model: type[Entity], id: UUID) -> Entity | None:
    """The organization's row, if it is there."""
    return await ctx.session.scalar(select(model).where(model.org_id == ctx.actor.org_id, model.id == id))


def snapshot(entity: Any, names: Iterable[str]) -> dict[str, Any]:
    """The named columns that have a value, for the event of a creation or a deletion."""
    values = {name: getattr(entity, name) for name in names}
    return {name: as_json(value) for name, value in values.items() if value is not None}

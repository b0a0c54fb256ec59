"""Numbers that people say aloud: 1, 2, 3 … within an organization."""

from typing import Any

from sqlalchemy import func, select

from domain.context import Ctx


async def following(ctx: Ctx, model: Any) -> int:
    """The next number of a table. One transaction at a time, so none is given twice; call it before any row is
    locked, because others wait with it for rows."""
    key = f"{model.__tablename__}:{ctx.actor.org_id}"
    await ctx.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))
    last = await ctx.session.scalar(select(func.max(model.number)).where(model.org_id == ctx.actor.org_id))
    return (last or 0) + 1

"""The tables of the workforce, and of files."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from db.session import Database
from domain.context import Actor
from tests.factories import fleet, workforce


async def test_the_log_of_experience_is_append_only(db: Database, actor: Actor) -> None:
    assert actor.user_id
    await workforce.experienced(db, actor, actor.user_id, [await fleet.aircraft_type(db, actor)], months=1)
    for statement in ("UPDATE experience_entries SET worked_on = '2020-01-01'", "DELETE FROM experience_entries"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with db.tenant(actor.org_id, actor.user_id) as session:
                await session.execute(text(statement))

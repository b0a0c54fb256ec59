"""The tables of work orders, task cards, sign-offs, defects and deferrals."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from db.session import Database
from tests.factories import work
from tests.factories.work import Crew


@pytest.mark.parametrize(
    "statement",
    ["UPDATE sign_offs SET note = 'better'", "DELETE FROM sign_offs", "DELETE FROM task_cards", "TRUNCATE sign_offs"],
)
async def test_signatures_and_cards_stay(db: Database, crew: Crew, statement: str) -> None:
    _, [card] = await work.work_order(db, crew)
    await work.done(db, crew, card)
    with pytest.raises(DBAPIError, match="permission denied"):
        async with db.tenant(crew.org_id, crew.owner.user_id) as session:
            await session.execute(text(statement))

"""Messages and departments, made by the domain commands."""

from typing import Any
from uuid import UUID

from db.identity.departments import DepartmentRole
from db.session import Database
from domain.collaboration import feed
from domain.context import Actor
from domain.identity import departments
from tests.factories.fleet import command
from tests.factories.identity import Person


async def department(db: Database, actor: Actor, name: str, *people: Person) -> UUID:
    """A department with these people in it."""
    async with command(db, actor) as ctx:
        made = await departments.create(ctx, name=name)
        for person in people:
            await departments.set_member(ctx, made, user_id=person.user_id, role=DepartmentRole.MEMBER)
    return made


async def message(db: Database, actor: Actor, text: str = "Hello", **values: Any) -> UUID:
    async with command(db, actor) as ctx:
        return await feed.post(ctx, text=text, **values)

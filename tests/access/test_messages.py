"""What a message of a subscription shows of an object is what a query shows, for every entity and every field."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import pytest
from graphql import GraphQLObjectType
from sqlalchemy import select

from domain.context import Actor
from graph.core.followed import Followed
from graph.core.run import Run
from graph.operations import Caller, OperationRequest
from graph.schema import build_schema
from tests.access.conftest import Place
from tests.access.walk import everything
from tests.compiler.conftest import actor

FOLLOWED = {
    name: item for name, item in build_schema().subscriptions.items() if isinstance(item, Followed) and item.subject
}


@dataclass(frozen=True)
class Happened:
    """An event, as far as it decides what is shown."""

    target_type: str
    target_id: UUID
    id: UUID
    type: str
    actor_id: UUID | None = None


def happened(target: Any, target_id: UUID, type: str = "thing.changed") -> Happened:
    return Happened(target.prefix, target_id, UUID(int=0), type)


async def rendered(place: Place, who: Actor, document: str, event: Happened, where: dict[str, Any]) -> Any:
    engine = place.platform.engine
    known = await engine.open(OperationRequest(document), Caller(who))
    run = Run(place.platform, engine, known, engine.preparer.coerce(known, {"where": where}), Caller(who))
    [declared] = [item for name, item in FOLLOWED.items() if f" {name}" in document]
    bound = declared.bind(run)
    values = bound.select(event)
    assert values is not None
    body = await bound.render(event, values, "a cursor")
    return None if body is None else orjson.loads(body)["data"]["message"]


@pytest.mark.parametrize("name", sorted(FOLLOWED))
async def test_a_message_shows_what_a_query_shows(place: Place, name: str) -> None:
    declared = FOLLOWED[name]
    assert declared.subject
    target = declared.entities[declared.subject][0]
    kind = place.platform.schema.core.type_map[target.name]
    assert isinstance(kind, GraphQLObjectType)
    # The budget of rows is an operation's; two levels of lists are within it.
    fields = everything(kind, "ac_00000000-0000-0000-0000-000000000000", 2)
    who = actor()
    async with place.platform.db.tenant(who.org_id) as session:
        found = (await session.scalars(select(target.model.__table__.c.id).limit(3))).all()
    assert found
    queried = f"query ($id: ID!) {{ node(id: $id) {{ ... on {target.name} {{ {fields} }} }} }}"
    followed = f"subscription ($where: {target.name}Filter) {{ message: {name}(where: $where) "
    asked = followed + f"{{ cursor id {declared.subject} {{ {fields} }} }} }}"
    briefly = followed + f"{{ {declared.subject} {{ __typename }} }} }}"
    for each in found:
        text = f"{target.prefix}_{each}"
        answer = await place.ask(queried, who, {"id": text})
        assert "errors" not in answer, answer
        matched = {"id": {"eq": text}}
        for where in ({}, matched):
            message = await rendered(place, who, asked, happened(target, each), where)
            assert message["cursor"] == "a cursor"
            assert message["id"] == text
            assert message[declared.subject] == answer["data"]["node"]
        unmatched = {"not": matched}
        assert await rendered(place, who, briefly, happened(target, each), unmatched) == {declared.subject: None}
        new = happened(target, each, "thing.created")
        assert await rendered(place, who, briefly, new, unmatched) is None

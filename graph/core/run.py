"""One running operation: what resolvers of mutations and subscriptions get as their context."""

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from graphql import GraphQLObjectType, GraphQLResolveInfo, get_named_type
from graphql.execution.collect_fields import FieldDetails, collect_subfields
from graphql.execution.values import VariableValues
from sqlalchemy.ext.asyncio import AsyncSession

from domain.context import Actor
from domain.errors import UnauthenticatedError
from graph.compiler.plans import Chosen, Plan
from graph.compiler.prepared import Prepared
from graph.compiler.projection import Projection
from graph.core.payloads import Rendered
from graph.operations import Caller

if TYPE_CHECKING:
    from graph.context import Platform
    from graph.engine import Engine


@dataclass
class Run:
    """The surroundings of one execution."""

    platform: "Platform"
    engine: "Engine"
    prepared: Prepared
    variables: VariableValues
    caller: Caller
    fragments: Rendered = field(default_factory=Rendered)
    cursor: str = ""
    """Where the message of a subscription that is being made stands in the log."""
    session: AsyncSession | None = None
    """The transaction of all mutations of an operation with an Idempotency-Key."""
    answered: bool = False
    """Whether a mutation of it has been answered, be it with errors for a person."""

    @property
    def actor(self) -> Actor:
        if self.caller.actor is None:
            raise UnauthenticatedError("Sign in to do this: send a valid access token.")
        return self.caller.actor

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One mutation's transaction; under an Idempotency-Key a savepoint in that of the operation."""
        if self.session is None:
            async with self.platform.db.tenant(self.actor.org_id, self.actor.user_id) as session:
                yield session
            self.platform.committed()
            return
        async with self.session.begin_nested():
            yield self.session
        self.session.expunge_all()  # the next mutation reads for itself, as it would in a transaction of its own


@dataclass(frozen=True)
class EntityParts:
    """The compiled parts of one payload selection: which keys show which entity, and the plan that renders them."""

    names: dict[str, str]  # response key -> payload field
    plan: Plan | None
    run: Run

    def arguments(self, entities: dict[str, UUID | None]) -> list[Any]:
        assert self.plan
        coerced = self.run.variables.coerced
        ids = [entities.get(name) for name in self.names.values()]
        return self.plan.arguments({**coerced, "entities": ids}, self.run.actor)

    def values(self, row: Any) -> dict[str, Rendered | None]:
        """Payload field values from the rendered row."""
        made: dict[str, Rendered | None] = {}
        for index, (key, name) in enumerate(self.names.items()):
            text = row[index]
            rendered = made.get(name) or Rendered()
            if text is not None:
                rendered[key] = text if isinstance(text, bytes) else text.encode()
            made[name] = rendered or None
        return made


def entity_parts(info: GraphQLResolveInfo[Any], entities: dict[str, Projection]) -> EntityParts:
    """Compiles what a payload's selection asks of entities. Raises ForbiddenError before anything is done."""
    run: Run = info.context
    payload = cast(GraphQLObjectType, get_named_type(info.return_type))
    keys = payload_keys(run, payload, [FieldDetails(node, None) for node in info.field_nodes])
    plan, _ = payload_plan(run, payload, keys, entities, str(info.path.key))
    names = {key: group[0].node.name.value for key, group in keys.items()}
    return EntityParts({key: name for key, name in names.items() if name in entities}, plan, run)


def payload_keys(run: Run, payload: GraphQLObjectType, details: list[FieldDetails]) -> dict[str, list[FieldDetails]]:
    """What is selected of a payload, by response key."""
    return collect_subfields(
        run.platform.world.schema,
        run.prepared.fragments,
        run.variables,
        run.prepared.operation,
        payload,
        details,
    ).grouped_field_set


def payload_plan(
    run: Run,
    payload: GraphQLObjectType,
    keys: dict[str, list[FieldDetails]],
    entities: dict[str, Projection],
    place: Hashable,
    chosen: Chosen | None = None,
) -> tuple[Plan | None, tuple[str, ...]]:
    """The plan of a payload's entities, if any are selected, and the payload field of each of its columns."""
    names = {key: group[0].node.name.value for key, group in keys.items()}
    groups = {key: (entities[name], keys[key]) for key, name in names.items() if name in entities}
    if not groups and chosen is None:
        return None, ()
    plan = run.engine.planner.entity(run.prepared, run.variables, run.actor, payload.name, groups, place, chosen)
    return plan, tuple(names[key] for key in groups)

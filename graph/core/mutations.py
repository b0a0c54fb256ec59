"""Mutations: one transaction each, its answer rendered by the compiler before the commit.

A mutation is a function of (ctx, arguments) that calls one command and returns the id of the entity it shows, or
payload values by name. What a person can mend comes back in the payload's `errors`, and then nothing was changed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from graphql import GraphQLResolveInfo
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from domain.context import Actor, Ctx
from domain.errors import BadUserInputError, ConflictError, UserErrors
from graph.compiler.projection import Declared, Projection
from graph.compiler.types import TypeFactory, directives_for
from graph.core.payloads import Payload, UserErrorType
from graph.core.resolvers import arguments_of, description_of, with_info
from graph.core.run import EntityParts, Run, entity_parts
from graph.directives.access import Public

if TYPE_CHECKING:
    from graph.context import Platform

PayloadFields = dict[str, tuple[Any, str]]
CHANGED = "Someone else changed this at the same time: read it again and repeat the change."


@dataclass(frozen=True)
class Guest:
    """The surroundings of a mutation that runs before or beside a tenant: signing in, switching, signing out."""

    platform: "Platform"
    address: str
    user_agent: str
    device_id: str
    actor: Actor | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


def guest_of(run: Run) -> Guest:
    caller = run.caller
    return Guest(run.platform, caller.address, caller.user_agent, caller.device_id, caller.actor)


@dataclass(frozen=True)
class Mutation:
    """A root mutation, as its decorator declares it."""

    name: str
    function: Callable[..., Awaitable[Any]]
    description: str
    requires: StrEnum | None = None
    entity: tuple[str, Projection] | None = None
    fields: PayloadFields = field(default_factory=dict)
    guest: bool = False
    public: bool = False

    def build(self, factory: TypeFactory) -> StrawberryField:
        """The Strawberry field, with a payload type of its own."""
        payload = self.name[0].upper() + self.name[1:] + "Payload"
        members = [factory.field(kind, text, name=name) for name, (kind, text) in self.fields.items()]
        if self.entity:
            name, projection = self.entity
            members.insert(
                0,
                factory.field(f"{projection.name} | None", "The result; null when there are errors.", name=name),
            )
        errors = "What was wrong with the input; empty when it was done."
        members.append(factory.field(list[UserErrorType], errors, name="errors"))
        factory.make(payload, members, f"The answer to `{self.name}`.")
        # Nullable, so that in a list of mutations one that fails does not hide what the others did.
        result = factory.field(
            f"{payload} | None",
            self.description,
            name=self.name,
            directives=[Public()] if self.public else directives_for(self.requires),
        )
        result.base_resolver = with_info(self._resolve)
        result.arguments = arguments_of(factory, self.function)
        return result

    async def _resolve(self, info: GraphQLResolveInfo[Any], **arguments: Any) -> Payload:
        run: Run = info.context
        try:
            work = self._as_guest(run, arguments) if self.guest else self._in_tenant(run, info, arguments)
            payload = Payload(await work)
        except UserErrors as refused:
            payload = Payload({}, refused.errors)
        except (StaleDataError, IntegrityError) as error:
            raise ConflictError(CHANGED) from error
        run.answered = True
        return payload

    async def _as_guest(self, run: Run, arguments: dict[str, Any]) -> dict[str, Any]:
        if run.session is not None:
            raise BadUserInputError(f"`{self.name}` takes no Idempotency-Key: its answer is not kept. Send it without.")
        values: dict[str, Any] = await self.function(guest_of(run), **arguments)
        run.platform.committed()
        return values

    async def _in_tenant(self, run: Run, info: GraphQLResolveInfo[Any], arguments: dict[str, Any]) -> dict[str, Any]:
        parts = entity_parts(info, dict([self.entity] if self.entity else []))
        async with run.transaction() as session:
            result = await self.function(Ctx(run.actor, session), **arguments)
            await session.flush()
            name = self.entity[0] if self.entity else ""
            values: dict[str, Any] = dict(result) if isinstance(result, dict) else {name: result}
            if isinstance(shown := values.pop(name, None), UUID) and parts.plan:
                values |= parts.values(await _render(session, parts, {name: shown}))
        return values


async def _render(session: AsyncSession, parts: EntityParts, entities: dict[str, UUID | None]) -> Any:
    """Runs a payload's plan on the very connection of the transaction, so it shows what is about to be committed."""
    assert parts.plan
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    driver: Any = raw.driver_connection
    # SQLAlchemy decodes json on its connections; as text the rendered answer stays what PostgreSQL wrote.
    columns = ", ".join(f"r.c{index}::text" for index in range(len(parts.plan.keys)))
    sql = f"SELECT {columns} FROM ({parts.plan.sql}) r"  # noqa: S608 - a statement of the compiler's
    return await driver.fetchrow(sql, *parts.arguments(entities))


def mutation(
    *,
    requires: StrEnum | None = None,
    entity: tuple[str, Declared] | None = None,
    payload: PayloadFields | None = None,
) -> Callable[[Callable[..., Awaitable[Any]]], Mutation]:
    """Declare a mutation of a signed-in actor: `function(ctx, …)` returns the entity's UUID, or payload values (the
    entity's UUID among them, under its name)."""

    def declare(function: Callable[..., Awaitable[Any]]) -> Mutation:
        return Mutation(
            to_camel_case(function.__name__),
            function,
            description_of(function),
            requires=requires,
            entity=entity,
            fields=payload or {},
        )

    return declare


def public_mutation(
    *, payload: PayloadFields | None = None, signed_in: bool = False
) -> Callable[[Callable[..., Awaitable[dict[str, Any]]]], Mutation]:
    """Declare a mutation that runs outside a tenant transaction: `function(guest, …)` returns payload values, all
    of nullable types. Without `signed_in` it is public."""

    def declare(function: Callable[..., Awaitable[dict[str, Any]]]) -> Mutation:
        return Mutation(
            to_camel_case(function.__name__),
            function,
            description_of(function),
            fields=payload or {},
            guest=True,
            public=not signed_in,
        )

    return declare

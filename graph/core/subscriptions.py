"""Subscriptions: async generators of payload values, whose entities the compiler renders for each event."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from inspect import signature
from typing import TYPE_CHECKING, Any

from graphql import GraphQLResolveInfo
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from domain.context import Actor
from graph.compiler.projection import Declared, Projection
from graph.compiler.types import TypeFactory, directives_for
from graph.core.mutations import PayloadFields
from graph.core.payloads import Payload
from graph.core.resolvers import arguments_of, description_of, with_info
from graph.core.run import Run, entity_parts

if TYPE_CHECKING:
    from graph.context import Platform


@dataclass(frozen=True)
class Listener:
    """The surroundings of a subscription."""

    platform: "Platform"
    actor: Actor


def message_type(name: str) -> str:
    return name[0].upper() + name[1:] + "Message"


def subscription_field(
    factory: TypeFactory,
    name: str,
    description: str,
    requires: StrEnum | None,
    fields: PayloadFields,
    entities: dict[str, tuple[Projection, str]],
    arguments: list[StrawberryArgument],
) -> StrawberryField:
    """A field of the type Subscription, and the type of its messages."""
    members = [factory.field(kind, text, name=each) for each, (kind, text) in fields.items()]
    members += [factory.field(f"{target.name} | None", text, name=each) for each, (target, text) in entities.items()]
    made: Any = factory.make(message_type(name), members, f"One message of the subscription `{name}`.")
    result = factory.field(
        AsyncGenerator[made, None], description, name=name, directives=directives_for(requires), arguments=arguments
    )
    result.is_subscription = True
    return result


@dataclass(frozen=True)
class Subscription:
    """A root subscription with a source of its own, as its decorator declares it. What follows the log is a `Followed`,
    which makes a message once for all who want the same."""

    name: str
    function: Callable[..., AsyncGenerator[dict[str, Any], None]]
    description: str
    requires: StrEnum | None = None
    entities: dict[str, tuple[Projection, str]] = field(default_factory=dict)
    fields: PayloadFields = field(default_factory=dict)

    def build(self, factory: TypeFactory) -> StrawberryField:
        """The Strawberry field, with a payload type of its own."""
        arguments = arguments_of(factory, self.function)
        result = subscription_field(
            factory, self.name, self.description, self.requires, self.fields, self.entities, arguments
        )
        result.base_resolver = with_info(self._resolve)
        return result

    def _resolve(self, info: GraphQLResolveInfo[Any], **arguments: Any) -> AsyncIterator[Payload]:
        run: Run = info.context
        parts = entity_parts(info, {name: target for name, (target, _) in self.entities.items()})

        # A client that reconnects repeats its request as it was; the last event it got is newer than its `after`.
        if run.caller.last_event_id and "after" in signature(self.function).parameters:
            arguments["after"] = run.caller.last_event_id

        async def messages() -> AsyncIterator[Payload]:
            source = self.function(Listener(run.platform, run.actor), **arguments)
            try:
                async for values in source:
                    shown = dict(values)
                    if parts.plan:
                        row = await run.platform.reads.fetchrow(
                            parts.plan.sql, parts.arguments(values), run.actor.scope
                        )
                        shown |= parts.values(row)
                    run.cursor = str(values.get("cursor", ""))
                    yield Payload(shown)
            finally:
                await source.aclose()

        return messages()


def subscription(
    *,
    requires: StrEnum | None = None,
    entities: dict[str, tuple[Declared, str]] | None = None,
    payload: PayloadFields | None = None,
) -> Callable[[Callable[..., AsyncGenerator[dict[str, Any], None]]], Subscription]:
    """Declare a subscription: `function(listener, …)` yields payload values; entities are given by UUID.

    `entities` maps payload fields to (projection, description), `payload` the plain ones to (type, description)."""

    def declare(function: Callable[..., AsyncGenerator[dict[str, Any], None]]) -> Subscription:
        return Subscription(
            to_camel_case(function.__name__),
            function,
            description_of(function),
            requires=requires,
            entities=entities or {},
            fields=payload or {},
        )

    return declare

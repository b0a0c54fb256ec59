"""Subscriptions that follow the log. Which events they show, and what of them, depends on the arguments and on what the
actor may see, so a message is made once for all who asked the same and may see the same."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, cast
from uuid import UUID

import orjson
from graphql import FieldNode, GraphQLError, GraphQLObjectType, VariableNode
from graphql.execution.collect_fields import FieldDetails, collect_fields
from graphql.execution.values import get_argument_values
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case, to_snake_case

from domain.errors import BadUserInputError
from graph.compiler.plans import Chosen, Plan
from graph.compiler.projection import Declared, Projection
from graph.compiler.types import TypeFactory
from graph.compiler.values import argument_trees
from graph.core.mutations import PayloadFields
from graph.core.resolvers import arguments_of, description_of
from graph.core.run import Run, payload_keys, payload_plan
from graph.core.subscriptions import message_type, subscription_field


class LogEvent(Protocol):
    """What decides whether and how an event of the log is shown."""

    @property
    def id(self) -> UUID: ...
    @property
    def type(self) -> str: ...
    @property
    def target_type(self) -> str: ...
    @property
    def target_id(self) -> UUID: ...
    @property
    def actor_id(self) -> UUID | None: ...
    @property
    def impersonator_id(self) -> UUID | None: ...
    @property
    def before(self) -> str | None: ...
    @property
    def after(self) -> str | None: ...


# What a message shows of an event, by payload field (entities by UUID); None for an event that is not shown.
Shown = dict[str, Any] | None
Select = Callable[[LogEvent], Shown]

AFTER = "A `cursor` got before: what happened after it comes first. Null: from now on."
WHERE = (
    "Only objects that match. One that does not, or not any more, is null in the message; that it was created is not"
    " told then."
)
CURSOR = (str, "Where this message stands in the log: pass it as `after` to go on behind it.")
CREATION = (".created", ".posted")


@dataclass(frozen=True)
class Followed:
    """A root subscription to the log. `select` takes the arguments (but `where` and `after`) and says what to show of
    an event. `subject` names the entity that the messages are about: `where` filters by it, and what a row predicate
    hides is not told at all. A `personal` one is for its person alone: `select` takes the actor as well."""

    name: str
    description: str
    select: Callable[..., Select]
    arguments: Callable[[TypeFactory], list[StrawberryArgument]]
    requires: StrEnum | None = None
    fields: PayloadFields = field(default_factory=dict)
    entities: dict[str, tuple[Projection, str]] = field(default_factory=dict)
    subject: str | None = None
    personal: bool = False

    def build(self, factory: TypeFactory) -> StrawberryField:
        """The Strawberry field, with a payload type of its own. It has no resolver: the engine follows the log."""
        arguments = self.arguments(factory)
        if self.subject:
            target = self.entities[self.subject][0]
            arguments.append(factory.argument("where", f"{target.name}Filter | None", WHERE))
        arguments.append(factory.argument("after", str | None, AFTER))
        fields = {"cursor": CURSOR, **self.fields}
        return subscription_field(factory, self.name, self.description, self.requires, fields, self.entities, arguments)

    def bind(self, run: Run) -> "Bound":
        """The subscription as one operation asks for it. Raises OperationError when it may not be, or not so."""
        schema, coerced = run.platform.world.schema, run.variables.coerced
        root = cast(GraphQLObjectType, schema.subscription_type)
        [(key, details)] = collect_fields(
            schema, run.prepared.fragments, run.variables, root, run.prepared.operation
        ).grouped_field_set.items()
        node, definition = details[0].node, root.fields[self.name]
        try:
            given = get_argument_values(definition, node, run.variables)
        except GraphQLError as error:
            raise BadUserInputError(error.message) from None
        # A client that reconnects repeats its request as it was; the last event it got is newer than its `after`.
        after, where = run.caller.last_event_id or given.get("after"), None
        given.pop("after", None)
        if given.pop("where", None) is not None:
            where = argument_trees(definition, node, coerced)["where"]
        chosen = None
        if self.subject:
            target = run.platform.world.registry.by_name[self.entities[self.subject][0].name]
            chosen = Chosen(self.subject, target, where) if where is not None or target.visible else None
        who = [run.actor] if self.personal else []
        select = self.select(*who, **{to_snake_case(name): value for name, value in given.items()})
        return self._bound(run, key, details, chosen, select, after)

    def _bound(
        self, run: Run, key: str, details: list[FieldDetails], chosen: Chosen | None, select: Select, after: str | None
    ) -> "Bound":
        kind = cast(GraphQLObjectType, run.platform.world.schema.type_map[message_type(self.name)])
        keys = payload_keys(run, kind, details)
        entities = {name: target for name, (target, _) in self.entities.items()}
        plan, shown = payload_plan(run, kind, keys, entities, key, chosen)
        names = {name: group[0].node.name.value for name, group in keys.items()}
        identity = (run.prepared.source, run.prepared.name, run.actor.org_id, run.actor.fingerprint)
        resumes = _resumes(run, details)
        variables = repr([item for item in run.variables.coerced.items() if item[0] != resumes])
        alone = self.personal or (plan is not None and plan.personal)
        personal = (run.actor.user_id, run.actor.session_id) if alone else None
        return Bound(run, (*identity, variables, personal), select, after, key, kind.name, names, shown, plan, chosen)


def _resumes(run: Run, details: list[FieldDetails]) -> str | None:
    """The variable that is only used to say where to resume: it changes no message."""
    node: FieldNode = details[0].node
    for argument in node.arguments or ():
        if argument.name.value == "after" and isinstance(argument.value, VariableNode):
            name = argument.value.name.value
            return name if run.prepared.times_used[name] == 1 else None
    return None


@dataclass(frozen=True)
class Bound:
    """One operation's subscription to the log. Messages of equal `identity` are equal, whoever gets them."""

    run: Run
    identity: Hashable
    select: Select
    after: str | None
    key: str
    kind: str
    names: dict[str, str]  # response key -> payload field
    shown: tuple[str, ...]  # the payload fields that are columns of the plan, in its order
    plan: Plan | None
    chosen: Chosen | None

    @property
    def cost(self) -> int:
        return self.plan.cost if self.plan is not None else 0

    async def render(self, event: LogEvent, values: dict[str, Any], cursor: str) -> bytes | None:
        """The JSON of one message; None when it is not to be sent."""
        run = self.run
        columns: Iterator[bytes | None] = iter(())
        if self.plan is not None:
            ids = [values.get(name) for name in self.shown]
            if self.chosen is not None:
                ids.append(values.get(self.chosen.name))
            arguments = self.plan.arguments({**run.variables.coerced, "entities": ids}, run.actor)
            row = await run.platform.reads.fetchrow(self.plan.sql, arguments, run.actor.scope)
            if self.chosen is not None and not self._is_told(event, row[-1]):
                return None
            columns = iter(row)
        parts: list[bytes] = []
        for key, name in self.names.items():
            if name in self.shown:
                value: bytes = next(columns) or b"null"
            elif name == "__typename":
                value = b'"%b"' % self.kind.encode()
            else:
                value = orjson.dumps(cursor if name == "cursor" else values.get(name))
            parts.append(b'"%b":%b' % (key.encode(), value))
        return b'{"data":{"%b":{%b}}}' % (self.key.encode(), b",".join(parts))

    def _is_told(self, event: LogEvent, matches: bool | None) -> bool:
        """`matches` is null for what is gone or hidden."""
        assert self.chosen is not None
        if matches is None and self.chosen.target.visible is not None:
            return False
        return bool(matches) or not event.type.endswith(CREATION)


def followed(
    *,
    requires: StrEnum | None = None,
    entities: dict[str, tuple[Declared, str]] | None = None,
    payload: PayloadFields | None = None,
    personal: bool = False,
) -> Callable[[Callable[..., Select]], Followed]:
    """Declare a subscription to the log: `function(…)` takes the arguments and answers what selects events. `after`
    and `cursor` come by themselves; `entities` and `payload` are as in `subscription`. With `personal` its first
    parameter is the actor, and nobody else shares the messages."""

    def declare(function: Callable[..., Select]) -> Followed:
        return Followed(
            to_camel_case(function.__name__),
            description_of(function),
            function,
            lambda factory: arguments_of(factory, function, skip=1 if personal else 0),
            requires=requires,
            fields=payload or {},
            entities=entities or {},
            personal=personal,
        )

    return declare

"""Runs operations: parses, validates and plans once, then executes plans.

A query of compiled fields never enters graphql-core: its plan runs as one prepared statement and the rendered
bytes go out untouched. Mutations, subscriptions and introspection are graphql-core's, with an executor that lets
rendered parts through.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, cast

import orjson
from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    OperationDefinitionNode,
    OperationType,
    execute,
    get_operation_ast,
    parse,
    subscribe,
    validate,
)
from graphql.execution.collect_fields import collect_fields
from graphql.execution.values import VariableValues, get_variable_values

from domain.context import Actor
from domain.errors import BadUserInputError, OperationError
from graph.compiler.plans import Plan, Planner
from graph.compiler.prepared import Prepared, World, prepare
from graph.core.payloads import PassThroughExecutor, Rendered
from graph.core.run import Run
from graph.documents import MAX_COMMENTS, MAX_TOKENS
from graph.errors import BAD_USER_INPUT, PARSE_FAILED, VALIDATION_FAILED, status_of, to_error
from graph.limits import check_size
from graph.operations import Caller, OperationRequest, Outcome

if TYPE_CHECKING:
    from graph.context import Platform

DOCUMENTS_KEPT = 1_000
LONGEST_KEPT = 20_000
MAX_ERRORS = 20
TOO_DEEP = "This is nested too deeply: ask for it in several operations."


class RefusedError(Exception):
    """An operation that will not be executed, with the answer that says why."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors[0]["message"])
        self.errors = errors
        self.outcome = Outcome(orjson.dumps({"errors": errors}), started=False, status=status_of(errors))


def refuse(exc: Exception, code: str | None = None) -> RefusedError:
    return RefusedError([to_error(exc, code=code)])


class Engine:
    """One per process. Keeps the documents it has seen, and each of them its plans."""

    def __init__(self, world: World, platform: "Platform") -> None:
        self.world = world
        self.platform = platform
        self.planner = Planner(world)
        self._documents: OrderedDict[tuple[str, str | None], Prepared] = OrderedDict()

    # -- preparing -------------------------------------------------------------------------------------------

    def prepare(self, request: OperationRequest) -> Prepared:
        """The operation of a request, parsed and validated. Raises RefusedError."""
        key = (request.query, request.operation_name)
        prepared = self._documents.get(key)
        if prepared is not None:
            self._documents.move_to_end(key)
            return prepared
        prepared = self._prepare(request)
        if len(request.query) <= LONGEST_KEPT:
            self._documents[key] = prepared
            while len(self._documents) > DOCUMENTS_KEPT:
                self._documents.popitem(last=False)
        return prepared

    def _prepare(self, request: OperationRequest) -> Prepared:
        try:
            document = parse(request.query, max_lexical_tokens=MAX_TOKENS, max_comments=MAX_COMMENTS)
            check_size(document)
            if errors := validate(self.world.schema, document, max_errors=MAX_ERRORS):
                raise RefusedError([to_error(error, code=VALIDATION_FAILED) for error in errors])
        except GraphQLError as error:
            raise refuse(error, PARSE_FAILED) from None
        except OperationError as error:
            raise refuse(error) from None
        except RecursionError:
            raise refuse(BadUserInputError(TOO_DEEP)) from None
        operation = get_operation_ast(document, request.operation_name)
        if operation is None:
            names = [
                item.name.value
                for item in document.definitions
                if isinstance(item, OperationDefinitionNode) and item.name
            ]
            known = ", ".join(names[:10]) or "only unnamed operations"
            said = f"no operation named {request.operation_name!r}" if request.operation_name else "several operations"
            raise refuse(BadUserInputError(f"The document has {said}: set operationName to one of its own ({known})."))
        return prepare(self.world.schema, document, operation)

    def coerce(self, prepared: Prepared, inputs: dict[str, Any] | None) -> VariableValues:
        """The operation's variables, coerced. Raises RefusedError."""
        definitions = prepared.operation.variable_definitions or ()
        try:
            values = get_variable_values(
                self.world.schema, definitions, inputs or {}, max_errors=MAX_ERRORS, hide_suggestions=True
            )
        except RecursionError:
            raise refuse(BadUserInputError(TOO_DEEP)) from None
        if isinstance(values, list):
            raise RefusedError([to_error(error, code=BAD_USER_INPUT) for error in values])
        return values

    # -- executing -------------------------------------------------------------------------------------------

    async def execute(self, request: OperationRequest, caller: Caller) -> Outcome:
        """Runs a query or mutation. Never raises for what a client can cause."""
        try:
            prepared = self.prepare(request)
            if prepared.kind is OperationType.SUBSCRIPTION:
                raise refuse(
                    BadUserInputError(
                        "Subscriptions need a stream: connect with graphql-transport-ws at /graphql, or ask "
                        "/graphql/stream for server-sent events."
                    )
                )
            if prepared.kind is OperationType.QUERY and caller.actor is not None:
                return await self._query(request, prepared, caller, caller.actor)
            variables = self.coerce(prepared, request.variables)
            self._check_anonymous(prepared, variables, caller)
            return await self._by_core(request, Run(self.platform, self, prepared, variables, caller))
        except RefusedError as refused:
            return refused.outcome

    def _roots(self, prepared: Prepared, variables: VariableValues) -> list[tuple[str, str]]:
        root = cast(GraphQLObjectType, self.world.schema.get_root_type(prepared.kind))
        grouped = collect_fields(self.world.schema, prepared.fragments, variables, root, prepared.operation)
        names = (group[0].node.name.value for group in grouped.grouped_field_set.values())
        return [(root.name, name) for name in names if not name.startswith("__")]

    def _check_anonymous(self, prepared: Prepared, variables: VariableValues, caller: Caller) -> None:
        """Checks the root fields of a mutation or subscription, or of anything without an actor."""
        roots = self._roots(prepared, variables)
        try:
            if caller.actor is None:
                self.world.access.check_anonymous(roots)
            else:
                self.world.access.check(roots, caller.actor.permissions)
        except OperationError as error:
            raise refuse(error) from None

    def _plan(self, prepared: Prepared, variables: VariableValues, actor: Actor) -> Plan:
        try:
            return self.planner.query(prepared, variables, actor)
        except (OperationError, GraphQLError) as error:
            raise refuse(error, BAD_USER_INPUT) from None
        except RecursionError:
            raise refuse(BadUserInputError(TOO_DEEP)) from None

    async def _query(self, request: OperationRequest, prepared: Prepared, caller: Caller, actor: Actor) -> Outcome:
        inputs = request.variables or {}
        coerced = prepared.coerced_plainly(inputs)
        try:
            plan = self.planner.known(prepared, coerced, actor) if coerced is not None else None
            if plan is None or coerced is None:
                variables = self.coerce(prepared, inputs)
                coerced, plan = variables.coerced, self._plan(prepared, variables, actor)
            row = await self._row(plan, coerced, actor)
        except OperationError as error:
            raise refuse(error) from None
        except RefusedError:
            raise
        except Exception as error:
            errors = [to_error(error)]
            return Outcome(orjson.dumps({"data": None, "errors": errors}), status=status_of(errors))
        if plan.others:
            fragments = Rendered(zip(plan.keys, (part or b"null" for part in row), strict=True))
            variables = self.coerce(prepared, inputs)
            return await self._by_core(request, Run(self.platform, self, prepared, variables, caller, fragments))
        return Outcome(render(plan, row))

    async def _row(self, plan: Plan, coerced: dict[str, Any], actor: Actor) -> Any:
        if not plan.sql:
            return ()
        scope = actor.self_scope if plan.self_scoped else actor.scope
        return await self.platform.reads.fetchrow(plan.sql, plan.arguments(coerced, actor), scope)

    async def _by_core(self, request: OperationRequest, run: Run) -> Outcome:
        result: Any = execute(
            self.world.schema,
            run.prepared.document,
            context_value=run,
            variable_values=request.variables,
            operation_name=request.operation_name,
            executor_class=PassThroughExecutor,
            hide_suggestions=True,
        )
        return _outcome(result if isinstance(result, ExecutionResult) else await result)

    # -- subscribing -----------------------------------------------------------------------------------------

    async def subscribe(self, request: OperationRequest, caller: Caller) -> AsyncGenerator[Outcome]:
        """The answers of a subscription. A refusal is one Outcome with started=False; an error that ends the
        stream is its last Outcome."""
        try:
            prepared = self.prepare(request)
            if prepared.kind is not OperationType.SUBSCRIPTION:
                raise refuse(BadUserInputError("This is no subscription."))
            variables = self.coerce(prepared, request.variables)
            self._check_anonymous(prepared, variables, caller)
        except RefusedError as refused:
            yield refused.outcome
            return
        run = Run(self.platform, self, prepared, variables, caller)
        source: Any = subscribe(
            self.world.schema,
            prepared.document,
            context_value=run,
            variable_values=request.variables,
            operation_name=request.operation_name,
            executor_class=PassThroughExecutor,
            hide_suggestions=True,
        )
        if not hasattr(source, "__aiter__") and not isinstance(source, ExecutionResult):
            source = await source
        if isinstance(source, ExecutionResult):
            errors = [to_error(error) for error in source.errors or ()]
            yield RefusedError(errors).outcome
            return
        try:
            async for result in source:
                yield _outcome(result)._replace(cursor=run.cursor)
        except Exception as error:
            errors = [to_error(error)]
            yield Outcome(orjson.dumps({"errors": errors}), status=status_of(errors))
        finally:
            await source.aclose()


def render(plan: Plan, row: Any) -> bytes:
    """The response of a compiled query."""
    parts = [b'{"data":{']
    for prefix, rendered in zip(plan.prefixes, row, strict=True):
        parts += (prefix, rendered or b"null")
    parts.append(plan.suffix)
    parts.append(b"}}")
    return b"".join(parts)


def _outcome(result: ExecutionResult) -> Outcome:
    answer: dict[str, Any] = {"data": result.data}
    if not result.errors:
        return Outcome(orjson.dumps(answer))
    errors = [to_error(error) for error in result.errors]
    if result.data is None:
        return Outcome(orjson.dumps({**answer, "errors": errors}), status=status_of(errors))
    return Outcome(orjson.dumps({**answer, "errors": errors}))

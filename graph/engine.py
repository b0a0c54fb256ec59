"""Runs operations: prepares and plans once, then executes plans.

A query of compiled fields never enters graphql-core: its plan runs as one prepared statement and the rendered
bytes go out untouched. Mutations, subscriptions and introspection are graphql-core's, with an executor that lets
rendered parts through. However well an operation is known, who asks, what they may do and what they may still spend
is looked at each time.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

import orjson
from graphql import ExecutionResult, GraphQLError, GraphQLObjectType, OperationType, execute, subscribe
from graphql.execution.collect_fields import collect_fields
from graphql.execution.values import VariableValues

from domain.context import Actor
from domain.errors import BadUserInputError, OperationError
from domain.events.errors import ShutdownError, SlowConsumerError
from graph import cost
from graph.compiler.plans import Plan, Planner, render
from graph.compiler.prepared import World
from graph.core.followed import Followed
from graph.core.payloads import PassThroughExecutor, Rendered
from graph.core.run import Run
from graph.errors import BAD_USER_INPUT, status_of, to_error
from graph.fanout import Express, Fanout
from graph.idempotency import Idempotency
from graph.limits import MAX_TOKENS, MAX_TOKENS_TRUSTED, check_text
from graph.observing import Observer
from graph.operations import Caller, OperationRequest, Outcome
from graph.persisted import Documents
from graph.preparing import TOO_DEEP, Known, Preparer, RefusedError, refuse
from graph.throttling import Account, Throttle, TooFastError
from graph.tracing import Tracer
from runtime import metrics

if TYPE_CHECKING:
    from graph.context import Platform

OPERATIONS = metrics.OPERATIONS


class Engine:
    """One per process."""

    def __init__(self, world: World, platform: "Platform") -> None:
        settings = platform.settings
        self.world = world
        self.platform = platform
        self.planner = Planner(world)
        self.preparer = Preparer(world)
        self.documents = Documents(settings, platform.reads, platform.redis)
        self.throttle = Throttle(settings, platform.redis)
        self.fanout = Fanout(platform)
        self.idempotency = Idempotency(platform)
        self.observer = Observer(settings.slow_operation_ms)
        self.tracer = Tracer() if settings.tracing else None
        self._reports_cost = settings.cost_in_answers

    # -- preparing -------------------------------------------------------------------------------------------

    async def open(self, request: OperationRequest, caller: Caller) -> Known:
        """The operation of a request, whether it names it by text or by hash. Raises RefusedError."""
        return self._known(request) or await self._open(request, caller)

    def _known(self, request: OperationRequest) -> Known | None:
        """When only registered documents are trusted, only they become known."""
        if request.extensions is not None and "persistedQuery" in request.extensions:
            return None
        return self.preparer.known(request.query, request.operation_name)

    async def _open(self, request: OperationRequest, caller: Caller) -> Known:
        try:
            account = self.throttle.account(caller)
            if not request.query or self.documents.trusted:
                await self.throttle.pay(account, cost.REFUSED)  # it has to be looked for
            text = await self.documents.text(request)
            known = self.preparer.known(text, request.operation_name)
            if known is None:
                tokens = check_text(text, MAX_TOKENS_TRUSTED if self.documents.trusted else MAX_TOKENS)
                await self.throttle.pay(account, 1 + tokens // cost.TOKENS_A_POINT)
                known = self.preparer.prepare(text, request.operation_name, registered=self.documents.trusted)
        except OperationError as error:
            raise refuse(error) from None
        self.documents.remember(request, share=caller.actor is not None)
        return known

    # -- executing -------------------------------------------------------------------------------------------

    async def execute(self, request: OperationRequest, caller: Caller) -> Outcome:
        """Runs a query or mutation. Never raises for what a client can cause."""
        if self.tracer is None:
            return await self._execute(request, caller)
        with self.tracer.operation() as span:
            outcome = await self._execute(request, caller)
            self.tracer.finish(span, self._known(request), outcome)
            return outcome

    async def _execute(self, request: OperationRequest, caller: Caller) -> Outcome:
        started = perf_counter()
        known: Known | None = None
        try:
            known = self._known(request) or await self._open(request, caller)
            if known.is_query and caller.actor is not None:
                outcome = await self._query(request, known, caller, caller.actor, started)
            else:
                outcome = await self._other(request, known, caller)
        except RefusedError as refused:
            outcome = refused.outcome
        seconds = perf_counter() - started
        if known is not None and not outcome.failed:
            known.series.succeeded(seconds)
        else:
            self.observer.failed(known, outcome, seconds)
        if seconds > self.observer.slow and known is not None:
            self._tell_slow(request, known, caller, seconds)
        return outcome

    async def _other(self, request: OperationRequest, known: Known, caller: Caller) -> Outcome:
        """A mutation, or a query of nobody who is signed in."""
        if known.kind is OperationType.SUBSCRIPTION:
            raise refuse(
                BadUserInputError(
                    "Subscriptions need a stream: connect with graphql-transport-ws at /graphql, or ask "
                    "/graphql/stream for server-sent events."
                )
            )
        account = self.throttle.account(caller)
        if account.running >= account.allowance.parallel:
            raise self._too_many(account)
        account.running += 1
        try:
            variables = self.preparer.coerce(known, request.variables)
            roots = self._check_roots(known, variables, caller)
            price = self._price(known, roots)
            await self._pay(account, price)
            run = Run(self.platform, self, known, variables, caller)
            if caller.idempotency_key and known.kind is OperationType.MUTATION:
                execute = partial(self._by_core, request, run, account, price)
                return await self.idempotency.once(known, request, run, execute)
            return await self._by_core(request, run, account, price)
        finally:
            account.running -= 1

    def _too_many(self, account: Account) -> RefusedError:
        message = f"{account.running} operations of yours run at this moment; wait until one of them is done."
        return refuse(TooFastError(message, 1))

    def _roots(self, known: Known, variables: VariableValues) -> list[tuple[str, str]]:
        root = cast(GraphQLObjectType, self.world.schema.get_root_type(known.kind))
        grouped = collect_fields(self.world.schema, known.fragments, variables, root, known.operation)
        return [(root.name, group[0].node.name.value) for group in grouped.grouped_field_set.values()]

    def _check_roots(self, known: Known, variables: VariableValues, caller: Caller) -> list[str]:
        """Checks the root fields of a mutation or subscription, or of anything without an actor; answers them."""
        roots = self._roots(known, variables)
        checked = [root for root in roots if not root[1].startswith("__")]
        try:
            if caller.actor is None:
                self.world.access.check_anonymous(checked)
            else:
                self.world.access.check(checked, caller.actor.permissions)
        except OperationError as error:
            raise refuse(error) from None
        return [name for _, name in roots]

    def _price(self, known: Known, roots: list[str]) -> int:
        each = cost.MUTATION if known.kind is OperationType.MUTATION else cost.REFUSED
        return 1 + sum(cost.INTROSPECTION if name in ("__schema", "__type") else each for name in roots)

    async def _pay(self, account: Account, price: int) -> None:
        """Raises RefusedError when the operation costs too much, at once or within the minute."""
        try:
            if price > account.allowance.operation:
                await self.throttle.pay(account, cost.REFUSED)  # it took planning to find out
            account.check_price(price)
            await self.throttle.pay(account, price)
        except OperationError as error:
            raise refuse(error) from None

    async def price(self, request: OperationRequest, caller: Caller) -> int:
        """What an operation will cost; 0 when it will be refused."""
        try:
            known = await self.open(request, caller)
            variables = self.preparer.coerce(known, request.variables)
            if known.is_query and caller.actor is not None:
                return self._plan(known, variables, caller.actor).cost
            return self._price(known, self._check_roots(known, variables, caller))
        except RefusedError:
            return 0

    def _plan(self, known: Known, variables: VariableValues, actor: Actor) -> Plan:
        found = self.planner.known(known, variables.coerced, actor)
        if found is not None:
            OPERATIONS.plans_hit += 1
            return found
        OPERATIONS.plans_missed += 1
        try:
            return self.planner.query(known, variables, actor)
        except (OperationError, GraphQLError) as error:
            raise refuse(error, BAD_USER_INPUT) from None
        except RecursionError:
            raise refuse(BadUserInputError(TOO_DEEP)) from None

    async def _query(
        self, request: OperationRequest, known: Known, caller: Caller, actor: Actor, now: float
    ) -> Outcome:
        account = self.throttle.account(caller)
        if account.running >= account.allowance.parallel:
            raise self._too_many(account)
        account.running += 1
        try:
            inputs = request.variables or {}
            coerced = known.coerced_plainly(inputs)
            plan = self.planner.known(known, coerced, actor) if coerced is not None else None
            if plan is None or coerced is None:
                variables = self.preparer.coerce(known, inputs)
                coerced = variables.coerced
                plan = self._plan(known, variables, actor)
            else:
                OPERATIONS.plans_hit += 1
            if caller.condition is not None and caller.condition.applies(plan, actor):
                return await caller.condition.answer(self, account, plan, coerced, actor, self._row)
            price = plan.cost
            if price > account.allowance.operation or not self.throttle.spend(account, price, now):
                await self._pay(account, price)
            row = await self._row(plan, coerced, actor)
            if plan.others:
                return await self._with_introspection(request, known, caller, plan, row)
        except OperationError as error:
            raise refuse(error) from None
        except RefusedError:
            raise
        except Exception as error:
            errors = [to_error(error)]
            return Outcome(orjson.dumps({"data": None, "errors": errors}), status=status_of(errors), failed=True)
        finally:
            account.running -= 1
        return Outcome(render(plan, row, self._report(account, price, caller)))

    async def _with_introspection(
        self, request: OperationRequest, known: Known, caller: Caller, plan: Plan, row: Any
    ) -> Outcome:
        account = self.throttle.account(caller)
        await self._pay(account, price := cost.INTROSPECTION * len(plan.others))
        fragments = Rendered(zip(plan.keys, (part or b"null" for part in row), strict=True))
        variables = self.preparer.coerce(known, request.variables)
        run = Run(self.platform, self, known, variables, caller, fragments)
        return await self._by_core(request, run, account, plan.cost + price)

    def _report(self, account: Account, price: int, caller: Caller) -> bytes:
        if self._reports_cost if caller.tells_cost is None else caller.tells_cost:
            lease = account.lease
            return cost.report(price, lease.item.amount, lease.known + lease.left)
        return cost.UNREPORTED

    async def _row(self, plan: Plan, coerced: dict[str, Any], actor: Actor) -> Any:
        if not plan.sql:
            return ()
        scope = actor.self_scope if plan.self_scoped else actor.scope
        arguments = plan.arguments(coerced, actor)
        started = perf_counter()
        if self.tracer is None:
            row = await self.platform.reads.fetchrow(plan.sql, arguments, scope)
        else:
            with self.tracer.statement(plan.sql):
                row = await self.platform.reads.fetchrow(plan.sql, arguments, scope)
        OPERATIONS.statements.observe(perf_counter() - started)
        return row

    async def _by_core(self, request: OperationRequest, run: Run, account: Account, price: int) -> Outcome:
        result: Any = execute(
            self.world.schema,
            run.prepared.document,
            context_value=run,
            variable_values=request.variables,
            operation_name=request.operation_name,
            executor_class=PassThroughExecutor,
            hide_suggestions=True,
        )
        outcome = _outcome(result if isinstance(result, ExecutionResult) else await result)
        return outcome._replace(body=outcome.body[:-1] + self._report(account, price, run.caller))

    def _tell_slow(self, request: OperationRequest, known: Known, caller: Caller, seconds: float) -> None:
        plan: Plan | None = None
        if known.is_query and caller.actor is not None:
            with suppress(RefusedError):
                coerced = self.preparer.coerce(known, request.variables).coerced
                plan = self.planner.known(known, coerced, caller.actor)
        self.observer.tell_slow(known, plan.sql if plan else "", request.variables, seconds)

    # -- subscribing -----------------------------------------------------------------------------------------

    async def subscribe(
        self, request: OperationRequest, caller: Caller, express: Express | None = None
    ) -> AsyncGenerator[Outcome]:
        """The answers of a subscription. A refusal is one Outcome with started=False; an error that ends the stream is
        its last Outcome, but for SlowConsumerError and ShutdownError, after which a client connects again. While the
        caller waits for the next answer it may go to `express` instead."""
        known: Known | None = None
        try:
            known = await self.open(request, caller)
            if known.kind is not OperationType.SUBSCRIPTION:
                raise refuse(BadUserInputError("This is no subscription."))
            variables = self.preparer.coerce(known, request.variables)
            roots = self._check_roots(known, variables, caller)
            account = self.throttle.account(caller)
            run = Run(self.platform, self, known, variables, caller)
            declared = self.platform.schema.subscriptions.get(roots[0]) if len(roots) == 1 else None
            bound = declared.bind(run) if isinstance(declared, Followed) else None
            await self._pay(account, cost.SUBSCRIPTION + (bound.cost if bound is not None else 0))
            account.begin_subscription()
        except OperationError as error:
            yield refuse(error).outcome
            return
        except RefusedError as refused:
            self.observer.failed(known, refused.outcome, 0.0)
            yield refused.outcome
            return
        try:
            source = self.fanout.messages(bound, express) if bound is not None else self._stream(request, run)
            async with aclosing(source) as stream:
                async for outcome in stream:
                    yield outcome
        except (SlowConsumerError, ShutdownError):
            raise
        except Exception as error:
            yield _failed(error)
        finally:
            account.end_subscription()

    async def _stream(self, request: OperationRequest, run: Run) -> AsyncGenerator[Outcome]:
        source: Any = subscribe(
            self.world.schema,
            run.prepared.document,
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
        finally:
            await source.aclose()

    async def close(self) -> None:
        await self.fanout.close()
        await self.documents.close()
        if self.tracer is not None:
            self.tracer.close()


def _failed(error: Exception) -> Outcome:
    errors = [to_error(error)]
    return Outcome(orjson.dumps({"errors": errors}), status=status_of(errors), failed=True)


def _outcome(result: ExecutionResult) -> Outcome:
    answer: dict[str, Any] = {"data": result.data}
    if not result.errors:
        return Outcome(orjson.dumps(answer))
    errors = [to_error(error) for error in result.errors]
    status = status_of(errors) if result.data is None else 200
    return Outcome(orjson.dumps({**answer, "errors": errors}), status=status, failed=True)

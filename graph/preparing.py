"""From a document to an operation that can be planned: parsed, measured and validated once, then kept."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
    parse,
)
from graphql.execution.values import VariableValues, get_variable_values

from domain.errors import BadUserInputError, OperationError
from domain.operations import digest
from graph.answers import Header
from graph.compiler.prepared import Prepared, World, prepare
from graph.errors import BAD_USER_INPUT, PARSE_FAILED, VALIDATION_FAILED, status_of, to_error
from graph.limits import MAX_TOKENS_TRUSTED, check_size, check_variables
from graph.operations import Outcome
from graph.validating import MAX_ERRORS, validation_errors
from runtime import metrics
from runtime.operation_metrics import Series

# A parsed document takes about 300 times as many bytes as its text has characters.
CHARACTERS_KEPT = 1_000_000
LONGEST_KEPT = 50_000
TOO_DEEP = "This is nested too deeply: ask for it in several operations."


class RefusedError(Exception):
    """An operation that will not be executed, with the answer that says why."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors[0]["message"])
        self.errors = errors
        retry = errors[0]["extensions"].get("retryAfter")
        headers: tuple[Header, ...] = ((b"retry-after", b"%d" % retry),) if retry else ()
        body = orjson.dumps({"errors": errors})
        self.outcome = Outcome(body, started=False, status=status_of(errors), failed=True, headers=headers)


def refuse(exc: Exception, code: str | None = None) -> RefusedError:
    return RefusedError([to_error(exc, code=code)])


@dataclass
class Known(Prepared):
    """A prepared operation, and how it is named in metrics and logs."""

    text: str = ""
    series: Series = field(default_factory=lambda: metrics.OPERATIONS.series(None, "query"))

    def __post_init__(self) -> None:
        self.is_query = self.kind is OperationType.QUERY

    @property
    def sha256(self) -> str:
        return digest(self.text)


class Preparer:
    """Keeps the documents it has seen, and each of them its plans."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._known: OrderedDict[tuple[str, str | None], Known] = OrderedDict()
        self._characters = 0

    def known(self, text: str, name: str | None) -> Known | None:
        """The operation when its document was seen before."""
        key = (text, name)
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def forget_plans(self) -> None:
        """Every operation is planned anew."""
        for known in self._known.values():
            known.plans.clear()

    def prepare(self, text: str, name: str | None, *, registered: bool = False) -> Known:
        """The operation of a document whose text was checked. Raises RefusedError."""
        try:
            document = parse(text, max_lexical_tokens=MAX_TOKENS_TRUSTED)
            check_size(document)
            if errors := validation_errors(self.world.schema, document):
                raise RefusedError([to_error(error, code=VALIDATION_FAILED) for error in errors])
        except GraphQLError as error:
            raise refuse(error, PARSE_FAILED) from None
        except OperationError as error:
            raise refuse(error) from None
        except RecursionError:
            raise refuse(BadUserInputError(TOO_DEEP)) from None
        operation = _operation(document, name)
        prepared = prepare(self.world.schema, document, operation)
        series = metrics.OPERATIONS.series(prepared.name, prepared.kind.value, registered=registered)
        made = Known(**vars(prepared), text=text, series=series)
        self._keep((text, name), made)
        return made

    def _keep(self, key: tuple[str, str | None], made: Known) -> None:
        if len(key[0]) > LONGEST_KEPT:
            return
        if key not in self._known:
            self._characters += len(key[0])
        self._known[key] = made
        while self._characters > CHARACTERS_KEPT:
            (text, _), _ = self._known.popitem(last=False)
            self._characters -= len(text)

    def coerce(self, prepared: Prepared, inputs: dict[str, Any] | None) -> VariableValues:
        """The operation's variables, coerced. Raises RefusedError."""
        definitions = prepared.operation.variable_definitions or ()
        try:
            check_variables(inputs or {})
            values = get_variable_values(
                self.world.schema, definitions, inputs or {}, max_errors=MAX_ERRORS, hide_suggestions=True
            )
        except OperationError as error:
            raise refuse(error) from None
        except RecursionError:
            raise refuse(BadUserInputError(TOO_DEEP)) from None
        if isinstance(values, list):
            raise RefusedError([to_error(error, code=BAD_USER_INPUT) for error in values])
        return values


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation that a request means. Raises RefusedError."""
    operation = get_operation_ast(document, name)
    if operation is not None:
        return operation
    names = [
        item.name.value for item in document.definitions if isinstance(item, OperationDefinitionNode) and item.name
    ]
    known = ", ".join(names[:10]) or "only unnamed operations"
    said = f"no operation named {name!r}" if name else "several operations"
    raise refuse(BadUserInputError(f"The document has {said}: set operationName to one of its own ({known})."))

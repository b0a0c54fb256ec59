"""What kind of operation a request holds, for the few roads that must know before the engine runs it."""

from functools import lru_cache

from graphql import OperationDefinitionNode, OperationType, parse

from graph.operations import OperationRequest

MAX_TOKENS = 20_000
MAX_COMMENTS = 2_000
CACHED_LENGTH = 20_000

Kinds = tuple[tuple[str | None, OperationType], ...]


def operation_kind(request: OperationRequest) -> OperationType | None:
    """The kind of the operation that the request names; None when it names none or is ambiguous.

    Raises GraphQLError when the document cannot be parsed."""
    kinds = _cached(request.query) if len(request.query) <= CACHED_LENGTH else _kinds(request.query)
    if request.operation_name is not None:
        return next((kind for name, kind in kinds if name == request.operation_name), None)
    return kinds[0][1] if len(kinds) == 1 else None


def _kinds(query: str) -> Kinds:
    document = parse(query, no_location=False, max_lexical_tokens=MAX_TOKENS, max_comments=MAX_COMMENTS)
    return tuple(
        (definition.name.value if definition.name else None, definition.operation)
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
    )


_cached = lru_cache(maxsize=1_000)(_kinds)

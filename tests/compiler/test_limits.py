"""Operations that are too large are refused before they cost anything."""

import pytest

from graph.limits import MAX_DEPTH, MAX_FIELDS
from tests.compiler.conftest import World

NESTED = "{ aircraftList" + " { nodes { type { aircraft" * 7 + " { totalCount }" + " } } }" * 7 + " }"
ROWS = "{ aircraftList" + " { nodes { type { aircraft" * 4 + " { totalCount }" + " } } }" * 4 + " }"
DOUBLING = (
    "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(20))
    + " fragment F20 on Query { __typename }"
)
ALIASES = "{ " + " ".join(f"a{n}: __typename" for n in range(MAX_FIELDS + 1)) + " }"
CYCLE = "{ ...A } fragment A on Query { __typename ...B } fragment B on Query { ...A }"


@pytest.mark.parametrize(
    ("document", "code", "says"),
    [
        (NESTED, "COST_LIMIT_EXCEEDED", f"at most {MAX_DEPTH} "),
        (ROWS, "COST_LIMIT_EXCEEDED", "rows"),
        (DOUBLING, "COST_LIMIT_EXCEEDED", "1048576 fields"),
        (ALIASES, "COST_LIMIT_EXCEEDED", f"at most {MAX_FIELDS} "),
        (CYCLE, "GRAPHQL_VALIDATION_FAILED", "itself"),
        ("{" * 900 + "}" * 900, "GRAPHQL_PARSE_FAILED", "Syntax Error"),
        ("{ a" * 5_000 + " }" * 5_000, "GRAPHQL_PARSE_FAILED", ""),
    ],
    ids=["deep", "rows", "doubling fragments", "aliases", "circular", "braces", "very deep"],
)
async def test_too_large(world: World, document: str, code: str, says: str) -> None:
    answer = await world.ask(document)
    error = answer["errors"][0]
    assert error["extensions"]["code"] == code, error
    assert says in error["message"]

"""Operations that are too large are refused before they cost anything."""

import pytest
from graphql import Lexer, Source, TokenKind

from graph.limits import MAX_ALIASES, MAX_DEPTH, MAX_NESTING, MAX_TOKENS, check_text
from tests.compiler.conftest import World

NESTED = "{ aircraftList" + " { nodes { type { aircraft" * 7 + " { totalCount }" + " } } }" * 7 + " }"
ROWS = "{ aircraftList" + " { nodes { type { aircraft" * 4 + " { totalCount }" + " } } }" * 4 + " }"
DOUBLING = (
    "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(20))
    + " fragment F20 on Query { __typename }"
)
ALIASES = "{ " + " ".join(f"a{n}: __typename" for n in range(MAX_ALIASES + 1)) + " }"
SAME = "{ " + ("aircraftList { nodes { " + "type { id } " * 20 + "} } ") * 50 + "}"
SPREADS = (
    "{ " + " ".join(f"...F{n}" for n in range(100)) + " } "
    + " ".join(f"fragment F{n} on Query {{ a{n}: __typename }}" for n in range(100))
)  # fmt: skip
CYCLE = "{ ...A } fragment A on Query { __typename ...B } fragment B on Query { ...A }"


@pytest.mark.parametrize(
    ("document", "code", "says"),
    [
        (NESTED, "COST_LIMIT_EXCEEDED", f"at most {MAX_DEPTH} "),
        (ROWS, "COST_LIMIT_EXCEEDED", "rows"),
        (DOUBLING, "COST_LIMIT_EXCEEDED", "1048576 fields"),
        (ALIASES, "COST_LIMIT_EXCEEDED", f"more than {MAX_ALIASES} aliases"),
        ("{ " + "__typename " * MAX_TOKENS + "}", "COST_LIMIT_EXCEEDED", f"more than {MAX_TOKENS} tokens"),
        ("{ __typename" + " @skip(if: false)" * 10_000 + " }", "COST_LIMIT_EXCEEDED", "directives"),
        ("#\n" * 10_000 + "{ __typename }", "COST_LIMIT_EXCEEDED", "comments"),
        (SAME, "COST_LIMIT_EXCEEDED", "too many times"),
        (SPREADS, "COST_LIMIT_EXCEEDED", "too many times"),
        (CYCLE, "GRAPHQL_VALIDATION_FAILED", "itself"),
        ("{" * 900 + "}" * 900, "COST_LIMIT_EXCEEDED", f"more than {MAX_NESTING} levels"),
        ("{ a" * 1_000 + " }" * 1_000, "COST_LIMIT_EXCEEDED", f"more than {MAX_NESTING} levels"),
        ("{" * 90 + "}" * 90, "GRAPHQL_PARSE_FAILED", "Syntax Error"),
    ],
    ids=[
        "deep",
        "rows",
        "doubling fragments",
        "aliases",
        "tokens",
        "directives",
        "comments",
        "same fields",
        "spreads",
        "circular",
        "braces",
        "very deep",
        "fewer braces",
    ],
)
async def test_too_large(world: World, document: str, code: str, says: str) -> None:
    answer = await world.ask(document)
    error = answer["errors"][0]
    assert error["extensions"]["code"] == code, error
    assert says in error["message"]


@pytest.mark.parametrize(
    "document",
    [
        '{ a(text: "{{{ @ # : } \\" }") { b } }',
        '{ a(text: """ " {{{ @@ \\""" # """) { b } }',
        "{ # {{{ @@@ \n a(b: {c: {d: 1}}) }",
        "query($a: [Int!] = [1, 2]) { a(a: $a) { b } }",
    ],
)
async def test_what_stands_in_strings_and_comments_is_not_counted(document: str) -> None:
    """Our count is graphql-core's, so that nothing legal is refused and nothing hides."""
    lexer, count = Lexer(Source(document)), 0
    while lexer.advance().kind is not TokenKind.EOF:
        count += 1
    assert check_text(document) == count

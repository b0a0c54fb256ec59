"""Operations that are too large are refused before they cost anything."""

import pytest
from graphql import Lexer, Source, TokenKind

from graph.limits import (
    MAX_ALIASES,
    MAX_ARGUMENTS,
    MAX_CHARACTERS,
    MAX_COMMENTS,
    MAX_DEPTH,
    MAX_DIRECTIVES,
    MAX_LINES,
    MAX_NESTING,
    MAX_OPERATIONS,
    MAX_TEXTS,
    MAX_TOKENS,
    MAX_TOKENS_TRUSTED,
    MAX_VALUES,
    MAX_VARIABLES,
    check_text,
)
from tests.compiler.conftest import World

NESTED = "{ aircraftList" + " { nodes { type { aircraft" * 7 + " { totalCount }" + " } } }" * 7 + " }"
ROWS = "{ aircraftList" + " { nodes { type { aircraft" * 4 + " { totalCount }" + " } } }" * 4 + " }"
DOUBLING = (
    "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(20))
    + " fragment F20 on Query { __typename }"
)
ALIASES = "{ " + " ".join(f"a{n}: __typename" for n in range(MAX_ALIASES + 1)) + " }"
SAME = "{ " + ("aircraftList { nodes { " + "type { id } " * 10 + "} } ") * 15 + "}"
SPREADS = (
    "{ " + " ".join(f"...F{n}" for n in range(60)) + " } "
    + " ".join(f"fragment F{n} on Query {{ a{n}: __typename }}" for n in range(60))
)  # fmt: skip
UNKNOWN = " ".join(f"a{n}" for n in range(900))
CYCLE = "{ ...A } fragment A on Query { __typename ...B } fragment B on Query { ...A }"


@pytest.mark.parametrize(
    ("document", "code", "says"),
    [
        (NESTED, "COST_LIMIT_EXCEEDED", f"at most {MAX_DEPTH} "),
        (ROWS, "COST_LIMIT_EXCEEDED", "rows"),
        (DOUBLING, "COST_LIMIT_EXCEEDED", "1048576 fields"),
        (ALIASES, "COST_LIMIT_EXCEEDED", f"more than {MAX_ALIASES} aliases"),
        ("{ " + "__typename " * MAX_TOKENS + "}", "COST_LIMIT_EXCEEDED", f"more than {MAX_TOKENS} tokens"),
        ("{ __typename" + " @skip(if: false)" * 101 + " }", "COST_LIMIT_EXCEEDED", f"more than {MAX_DIRECTIVES} direc"),
        ("#\n" * (MAX_COMMENTS + 1) + "{ __typename }", "COST_LIMIT_EXCEEDED", f"more than {MAX_COMMENTS} comments"),
        ("{" + "," * MAX_CHARACTERS + "a }", "COST_LIMIT_EXCEEDED", f"more than {MAX_CHARACTERS} characters;"),
        ("{" + "\r" * (MAX_LINES + 1) + "a }", "COST_LIMIT_EXCEEDED", f"more than {MAX_LINES} lines"),
        (f'{{ node(id: "{"x" * MAX_TEXTS}") {{ id }} }}', "COST_LIMIT_EXCEEDED", "as variables"),
        ("{ a(" + "b: 1 " * (MAX_ARGUMENTS + 1) + ") }", "COST_LIMIT_EXCEEDED", f"more than {MAX_ARGUMENTS} arguments"),
        (f"query({'$a: Int ' * (MAX_VARIABLES + 1)}) {{ a }}", "COST_LIMIT_EXCEEDED", f"more than {MAX_VARIABLES} var"),
        ("query Q { a } " * (MAX_OPERATIONS + 1), "COST_LIMIT_EXCEEDED", f"more than {MAX_OPERATIONS} operations"),
        ("{ aircraftList { nodes { " + UNKNOWN + " } } }", "GRAPHQL_VALIDATION_FAILED", "query field 'a0' on type"),
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
        "characters",
        "lines",
        "strings",
        "arguments",
        "variables",
        "operations",
        "unknown names",
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


async def test_too_many_values_in_variables(world: World) -> None:
    document = "query($where: AircraftFilter) { aircraftList(where: $where) { __typename } }"
    answer = await world.ask(document, {"where": {"and": [{"registration": {"in": ["D"] * MAX_VALUES}}]}})
    assert answer["errors"][0]["extensions"]["code"] == "COST_LIMIT_EXCEEDED", answer
    await world.data(document, {"where": {"and": [{"registration": {"in": ["D"] * (MAX_VALUES - 10)}}]}})


def test_registered_documents_may_be_larger() -> None:
    document = "{ " + "a: b " * (2 * MAX_ALIASES) + "}"
    assert check_text(document, MAX_TOKENS_TRUSTED) == 6 * MAX_ALIASES + 2


@pytest.mark.parametrize(
    "document",
    [
        "{ aircraftLst { __typename } }",
        "{ aircraftList(frist: 1) { __typename } }",
        "{ aircraftList(where: {regstration: {eq: null}}) { __typename } }",
        "{ aircraftList(where: {status: {eq: ACTIV}}) { __typename } }",
        "{ aircraftList { nodes { ... on Aircrft { id } } } }",
        "query($a: Aircraftfilter) { aircraftList(where: $a) { __typename } }",
        "fragment F on Aircrafts { id } { aircraftList { nodes { ...F } } }",
        "{ aircraftList { nodes { id @skp(if: true) } } }",
        "{ aircraftList @skip(fi: true) { __typename } }",
    ],
)
async def test_no_error_guesses_at_what_was_meant(world: World, document: str) -> None:
    """A guess would tell the names of the schema to who may not see it, and takes long to make."""
    answer = await world.ask(document)
    assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert not any("Did you mean" in error["message"] for error in answer["errors"]), answer


async def test_a_variable_is_not_guessed_at_either(world: World) -> None:
    document = "query($where: AircraftFilter) { aircraftList(where: $where) { __typename } }"
    answer = await world.ask(document, {"where": {"regstration": {"eq": "D"}, "status": {"eq": "ACTIV"}}})
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert not any("Did you mean" in error["message"] for error in answer["errors"]), answer

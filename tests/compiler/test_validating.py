"""Our rules find what the library's rules find."""

from typing import Any

import pytest
from graphql import GraphQLError, build_schema, parse, specified_rules, validate

from graph.validating import COMPARING, FIRST, SECOND, knowing, validation_errors

SCHEMA = build_schema("""
directive @once on FIELD
directive @often repeatable on FIELD
directive @defer(label: String, if: Boolean) on INLINE_FRAGMENT
directive @stream(label: String, if: Boolean) on FIELD
type Query { me: Person  people(first: Int!, near: Point, named: [String!]): [Person!]!  any: Any  deep: Query }
type Subscription { told: Int  heard: Int }
type Person { id: ID!  name: String  friend: Person }
type Place { id: ID! }
union Any = Person | Place
input Point @oneOf { name: String  code: Int }
""")
WRONG = {
    "ExecutableDefinitionsRule": "{ me { id } } type Thing { id: ID }",
    "KnownOperationTypesRule": "mutation { change }",
    "UniqueOperationNamesRule": "query A { me { id } } query A { me { name } }",
    "LoneAnonymousOperationRule": "{ me { id } } query A { me { id } }",
    "SingleFieldSubscriptionsRule": "subscription { told heard }",
    "KnownTypeNamesRule": "query ($a: Strange) { me { id } }",
    "FragmentsOnCompositeTypesRule": "{ me { ... on String { id } } }",
    "VariablesAreInputTypesRule": "query ($a: Person) { me { id } }",
    "ScalarLeafsRule": "{ me }",
    "FieldsOnCorrectTypeRule": "{ me { strange } }",
    "UniqueFragmentNamesRule": "{ me { ...F } } fragment F on Person { id } fragment F on Person { name }",
    "KnownFragmentNamesRule": "{ me { ...Strange } }",
    "NoUnusedFragmentsRule": "{ me { id } } fragment F on Person { id }",
    "PossibleFragmentSpreadsRule": "{ me { ... on Place { id } } }",
    "NoFragmentCyclesRule": "{ me { ...F } } fragment F on Person { friend { ...F } }",
    "UniqueVariableNamesRule": "query ($a: Int!, $a: Int!) { people(first: $a) { id } }",
    "NoUndefinedVariablesRule": "{ people(first: $a) { id } }",
    "NoUnusedVariablesRule": "query ($a: Int) { me { id } }",
    "KnownDirectivesRule": "{ me { id @strange } }",
    "UniqueDirectivesPerLocationRule": "{ me { id @once @often @often @once } }",
    "DeferStreamDirectiveOnRootField": "subscription { ... @defer { told } }",
    "DeferStreamDirectiveOnValidOperationsRule": "subscription { ... @defer { told } }",
    "DeferStreamDirectiveLabel": '{ me { ... @defer(label: "a") { id } ... @defer(label: "a") { name } } }',
    "StreamDirectiveOnListField": "{ me { id @stream } }",
    "KnownArgumentNamesRule": "{ people(first: 1, strange: 2) { id } }",
    "UniqueArgumentNamesRule": "{ people(first: 1, first: 2) { id } }",
    "ValuesOfCorrectTypeRule": '{ people(first: "one", near: {name: null}, named: [1]) { id } }',
    "ProvidedRequiredArgumentsRule": "{ people { id } }",
    "VariablesInAllowedPositionRule": "query ($a: Int) { people(first: $a) { id } }",
    "OverlappingFieldsCanBeMergedRule": "{ me { name: id name } }",
    "UniqueInputFieldNamesRule": "{ people(first: 1, near: {code: 1, code: 2}) { id } }",
    "MaxIntrospectionDepthRule": "{ __schema { types { " + "fields { type { " * 3 + "name" + " } }" * 3 + " } } }",
}


def told(errors: list[GraphQLError]) -> list[Any]:
    return [(error.message, error.locations) for error in errors]


def test_every_rule_has_a_document() -> None:
    assert {rule.__name__ for rule in specified_rules} - WRONG.keys() == set()
    assert len(FIRST) + len(SECOND) == len(specified_rules)
    assert {rule.__name__ for rule in SECOND} == {rule.__name__ for rule in COMPARING}


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.__name__) for rule in specified_rules])
def test_it_is_refused_as_the_library_refuses_it(rule: Any) -> None:
    document = parse(WRONG[rule.__name__])
    expected = told(validate(SCHEMA, document, [rule]))
    assert expected
    assert told(validate(SCHEMA, document, [knowing(rule)])) == expected
    assert validation_errors(SCHEMA, document)

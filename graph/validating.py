"""Validation in two rounds, so that what is wrong is found before it costs much.

The first round's rules look at one node at a time and give up after a few errors: thousands of unknown names are
refused at the first of them. Those of the second compare fields with fields and follow variables through fragments,
which takes most of the time that validation takes; they see documents whose names are all known.
"""

from graphql import DocumentNode, GraphQLError, GraphQLSchema, specified_rules, validate
from graphql.validation import (
    NoFragmentCyclesRule,
    NoUndefinedVariablesRule,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    OverlappingFieldsCanBeMergedRule,
    VariablesInAllowedPositionRule,
)

MAX_ERRORS = 5  # each of them may print the value that is wrong

SECOND = (
    NoFragmentCyclesRule,
    NoUndefinedVariablesRule,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    OverlappingFieldsCanBeMergedRule,
    VariablesInAllowedPositionRule,
)
FIRST = tuple(rule for rule in specified_rules if rule not in SECOND)


def validation_errors(schema: GraphQLSchema, document: DocumentNode) -> list[GraphQLError]:
    """What is wrong with a document, without guesses at what was meant: they are slow, and tell names of the schema."""
    for rules in (FIRST, SECOND):
        if errors := validate(schema, document, rules, max_errors=MAX_ERRORS, hide_suggestions=True):
            return errors
    return []

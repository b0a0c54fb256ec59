"""Validation in two rounds, so that what is wrong is found before it costs much.

The first round's rules look at one node at a time and give up after a few errors: thousands of unknown names are
refused at the first of them. Those of the second compare fields with fields and follow variables through fragments,
which takes most of the time that validation takes; they see documents whose names are all known.
"""

from typing import ClassVar

from graphql import DocumentNode, GraphQLError, GraphQLSchema, Visitor, specified_rules, validate
from graphql.language.visitor import EnterLeaveVisitor
from graphql.validation import (
    ASTValidationRule,
    NoFragmentCyclesRule,
    NoUndefinedVariablesRule,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    OverlappingFieldsCanBeMergedRule,
    VariablesInAllowedPositionRule,
)

NOTHING = EnterLeaveVisitor(None, None)
MAX_ERRORS = 5  # each of them may print the value that is wrong


class Knowing(Visitor):
    """A rule that knows which kinds of nodes it looks at. The library would ask each rule about each kind by the names
    of its methods, for every document anew: a third of the time that a small one takes."""

    handled: ClassVar[frozenset[str]] = frozenset()

    def get_enter_leave_for_kind(self, kind: str) -> EnterLeaveVisitor:
        return super().get_enter_leave_for_kind(kind) if kind in self.handled else NOTHING


def knowing(rule: type[ASTValidationRule]) -> type[ASTValidationRule]:
    if hasattr(rule, "enter") or hasattr(rule, "leave"):
        return rule  # it looks at every kind
    kinds = {name[len("enter_") :] for name in dir(rule) if name.startswith(("enter_", "leave_"))}
    return type(rule.__name__, (Knowing, rule), {"handled": frozenset(kinds)})


COMPARING = (
    NoFragmentCyclesRule,
    NoUndefinedVariablesRule,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    OverlappingFieldsCanBeMergedRule,
    VariablesInAllowedPositionRule,
)
FIRST = tuple(knowing(rule) for rule in specified_rules if rule not in COMPARING)
SECOND = tuple(knowing(rule) for rule in COMPARING)


def validation_errors(schema: GraphQLSchema, document: DocumentNode) -> list[GraphQLError]:
    """What is wrong with a document, without guesses at what was meant: they are slow, and tell names of the schema."""
    for rules in (FIRST, SECOND):
        if errors := validate(schema, document, rules, max_errors=MAX_ERRORS, hide_suggestions=True):
            return errors
    return []

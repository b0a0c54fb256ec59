"""How large an operation may be. Two passes, both before anything is validated.

`check_text` counts tokens with one regular expression: graphql-core needs twenty microseconds and more for a token,
two for a line or an escape, one for a character of a text, so what is too large is not even parsed. `check_size`
measures the parsed document and remembers fragments: twenty of them that each spread the next one twice ask for a
million fields, and each is measured once. What they let in is refused within 50 ms (`./opsgraph bench hostile`).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from domain.errors import OperationError

MAX_CHARACTERS = 50_000
MAX_LINES = 3_000
MAX_TEXTS = 10_000  # characters of strings and comments
MAX_COMMENTS = 2_000
MAX_TOKENS = 1_000
MAX_TOKENS_TRUSTED = 10_000  # of a document that an operator has registered
MAX_DIRECTIVES = 100
MAX_ALIASES = 250
MAX_ARGUMENTS = 200
MAX_VARIABLES = 100
MAX_VALUES = 10_000  # within the variables of one request
MAX_OPERATIONS = 20
MAX_NESTING = 200
MAX_DEPTH = 20
MAX_FIELDS = 5_000
MAX_ROOTS = 200
MAX_FRAGMENTS = 200
# Validation compares every pair of fields that share a response key, and every pair of spreads in one selection:
# so many pairs cost it about 50 ms; one with selections of its own costs as much as PAIR simple ones.
MAX_PAIRS = 5_000
PAIR = 5

# What the lexer would see: strings and comments whole, then names, numbers and punctuators one by one.
TOKEN = re.compile(
    r'"""(?:\\"""|[^"]|"(?!""))*"""|"(?:[^"\\\r\n]|\\.)*"|#[^\r\n]*|[_A-Za-z][_0-9A-Za-z]*|\.\.\.|-?\d[\w.+-]*|[^\s,\ufeff]'
)


class CircularError(OperationError):
    """A fragment contains itself. Validation would say so too, but only after it walked in circles for long."""

    code = "GRAPHQL_VALIDATION_FAILED"


class TooLargeError(OperationError):
    """The operation asks for more than one operation may."""

    code = "COST_LIMIT_EXCEEDED"


def check_text(  # noqa: C901 - one flat loop: a call for each token would double its time
    text: str, most_tokens: int = MAX_TOKENS
) -> int:
    """Raises TooLargeError when a document is too large to be parsed; answers its tokens. Where more tokens may be,
    there may be as many times more of everything but brackets in brackets."""
    scale = most_tokens // MAX_TOKENS
    most_directives, most_aliases, most_arguments = MAX_DIRECTIVES * scale, MAX_ALIASES * scale, MAX_ARGUMENTS * scale
    check(len(text), "characters", MAX_CHARACTERS * scale, "ask in several operations")
    check(text.count("\n") + text.count("\r"), "lines", MAX_LINES * scale, "ask in several operations")
    tokens = comments = texts = directives = arguments = aliases = nesting = parentheses = 0
    for found in TOKEN.finditer(text):
        tokens += 1
        kind = found[0][0]
        if kind in "{[(":
            nesting += 1
            parentheses += kind == "("
        elif kind in "}])":
            nesting -= 1
            parentheses -= kind == ")"
        elif kind == "@":
            directives += 1
        elif kind == ":":
            # Outside of parentheses (arguments, variables) only an alias is followed by a colon.
            if parentheses:
                arguments += 1
            else:
                aliases += 1
        elif kind == "#":
            tokens, comments, texts = tokens - 1, comments + 1, texts + len(found[0])
        elif kind == '"':
            texts += len(found[0])
        elif tokens <= most_tokens:
            continue
        if tokens > most_tokens or directives > most_directives or nesting > MAX_NESTING or aliases > most_aliases:
            break
    check(comments, "comments", MAX_COMMENTS * scale, "leave some out")
    check(texts, "characters in strings and comments", MAX_TEXTS * scale, "pass long values as variables")
    check(directives, "directives", most_directives, "use fewer")
    check(arguments, "arguments, keys and variables", most_arguments, "pass large values as variables")
    check(aliases, "aliases", most_aliases, "ask in several operations")
    check(nesting, "levels of brackets", MAX_NESTING, "ask for less at once")
    check(tokens, "tokens", most_tokens, "ask in several operations")
    return tokens


def check(count: int, what: str, limit: int, advice: str) -> None:
    """Raises TooLargeError."""
    if count > limit:
        raise TooLargeError(f"The document has more than {limit} {what}; {advice}.")


def check_variables(variables: dict[str, Any]) -> None:
    """Raises TooLargeError when there are more values in variables than are coerced in good time."""
    count, waiting = 0, [variables]
    while waiting and count <= MAX_VALUES:
        found: Any = waiting.pop()
        count += len(found)
        waiting += [
            each for each in (found.values() if isinstance(found, dict) else found) if type(each) in (dict, list)
        ]
    if count > MAX_VALUES:
        raise TooLargeError(f"The variables hold more than {MAX_VALUES} values; send them in several requests.")


@dataclass(frozen=True)
class Size:
    """How deep selections nest, and how many fields they have once fragments are spread."""

    depth: int = 0
    fields: int = 0


class Measure:
    """Sizes within one document."""

    def __init__(self, document: DocumentNode) -> None:
        self.fragments = {
            item.name.value: item for item in document.definitions if isinstance(item, FragmentDefinitionNode)
        }
        self._known: dict[str, Size] = {}
        self._open: set[str] = set()
        self._pairs = 0

    def of(self, selections: SelectionSetNode | None) -> Size:
        """The size of a selection. Raises CircularError."""
        depth = fields = 0
        for selection in selections.selections if selections else ():
            if isinstance(selection, FragmentSpreadNode):
                inner = self._fragment(selection.name.value)
            elif isinstance(selection, FieldNode):
                below = self.of(selection.selection_set)
                inner = Size(below.depth + 1, below.fields + 1)
            else:
                inner = self.of(getattr(selection, "selection_set", None))
            depth, fields = max(depth, inner.depth), fields + inner.fields
        return Size(depth, fields)

    def _fragment(self, name: str) -> Size:
        if name in self._open:
            raise CircularError(f"Cannot spread the fragment {name!r} within itself.")
        if name not in self._known:
            definition = self.fragments.get(name)
            self._open.add(name)
            self._known[name] = self.of(definition.selection_set) if definition else Size(0, 1)
            self._open.discard(name)
        return self._known[name]

    def compare(self, merged: list[SelectionSetNode]) -> None:
        """Counts what validation will compare in selections that are merged into one. Raises TooLargeError.
        The caller has checked how many fields there are."""
        counts: Counter[str] = Counter()
        inner: defaultdict[str, list[SelectionSetNode]] = defaultdict(list)
        spreads: set[str] = set()
        for field in self._fields(merged, spreads):
            key = (field.alias or field.name).value
            counts[key] += 1
            if field.selection_set:
                inner[key].append(field.selection_set)
        self._pairs += PAIR * _pairs(len(spreads))
        self._pairs += sum((PAIR if key in inner else 1) * _pairs(count) for key, count in counts.items())
        if self._pairs > MAX_PAIRS:
            raise TooLargeError(
                "The operation asks for the same fields, or spreads fragments, too many times in one place."
            )
        for sets in inner.values():
            self.compare(sets)

    def _fields(self, merged: list[SelectionSetNode], spreads: set[str]) -> Iterator[FieldNode]:
        """The fields of selections, those in fragments included, each fragment once; adds to `spreads`."""
        stack = list(merged)
        while stack:
            for selection in stack.pop().selections:
                if isinstance(selection, FieldNode):
                    yield selection
                elif isinstance(selection, InlineFragmentNode):
                    stack.append(selection.selection_set)
                elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in spreads:
                    spreads.add(selection.name.value)
                    if definition := self.fragments.get(selection.name.value):
                        stack.append(definition.selection_set)


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


def check_size(document: DocumentNode) -> None:
    """Raises TooLargeError when an operation of the document nests too deep or has too many fields."""
    measure = Measure(document)
    if len(measure.fragments) > MAX_FRAGMENTS:
        raise TooLargeError(f"The document has {len(measure.fragments)} fragments; at most {MAX_FRAGMENTS} may be.")
    operations = sum(isinstance(item, OperationDefinitionNode) for item in document.definitions)
    check(operations, "operations", MAX_OPERATIONS, "send them in several documents")
    for item in document.definitions:
        if not isinstance(item, OperationDefinitionNode | FragmentDefinitionNode):
            continue
        check(len(item.variable_definitions or ()), "variables", MAX_VARIABLES, "pass fewer and larger ones")
        size = measure.of(item.selection_set)
        if size.depth > MAX_DEPTH:
            raise TooLargeError(f"The operation nests {size.depth} levels deep; at most {MAX_DEPTH} are allowed.")
        if size.fields > MAX_FIELDS:
            raise TooLargeError(f"The operation asks for {size.fields} fields; at most {MAX_FIELDS} are allowed.")
        if (roots := len(item.selection_set.selections)) > MAX_ROOTS:
            raise TooLargeError(f"One selection has {roots} entries; at most {MAX_ROOTS} may stand at the root.")
        measure.compare([item.selection_set])

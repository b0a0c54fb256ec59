"""Files of operations, read and checked for `opsgraph operations push`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from domain.errors import OperationError
from domain.operations import Document, digest
from graph.limits import MAX_TOKENS_TRUSTED, check_size, check_text
from graph.validating import validation_errors


@dataclass
class Collected:
    """The documents of all files, or what is wrong with them, one sentence each."""

    documents: list[Document] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class FragmentNames(Visitor):
    """The fragments that a definition spreads."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.names.append(node.name.value)


def collect(schema: GraphQLSchema, paths: list[Path]) -> Collected:
    """Every operation of the files. Fragments may stand in any of the .graphql files."""
    found = Collected()
    sources: list[tuple[Path, DocumentNode]] = []
    manifest: list[tuple[Path, str, str]] = []
    for path in paths:
        try:
            text = path.read_text("utf-8")
            if path.suffix == ".json":
                manifest += [(path, *entry) for entry in _manifest(json.loads(text))]
            else:
                check_text(text, MAX_TOKENS_TRUSTED)
                sources.append((path, parse(text)))
        except (OSError, UnicodeDecodeError, ValueError, GraphQLError, OperationError) as error:
            found.problems.append(f"{path}: {_sentence(error)}")
    fragments = _fragments(sources, found)
    for path, source in sources:
        for definition in source.definitions:
            if isinstance(definition, OperationDefinitionNode):
                _add(schema, found, str(path), print_ast(_closure(definition, fragments)))
            elif not isinstance(definition, FragmentDefinitionNode):
                found.problems.append(f"{path}: only operations and fragments can be registered.")
    for path, given, text in manifest:
        if given != digest(text):
            found.problems.append(f"{path}: {given[:80]!r} is not the SHA-256 of its document; make the manifest anew.")
        else:
            _add(schema, found, str(path), text)
    _check_names(found)
    return found


def _manifest(value: Any) -> Iterator[tuple[str, str]]:
    """Hash and text of each entry: Apollo's {operations: [{id, body}]} or Relay's {hash: text}."""
    if isinstance(value, dict) and isinstance(value.get("operations"), list):
        pairs = [(item.get("id"), item.get("body")) if isinstance(item, dict) else (None, None)
                 for item in value["operations"]]  # fmt: skip
    elif isinstance(value, dict):
        pairs = list(value.items())
    else:
        pairs = [(None, None)]
    for given, text in pairs:
        if not isinstance(given, str) or not isinstance(text, str):
            raise ValueError('a manifest is {"operations": [{"id": …, "body": …}]} or {"<sha256>": "<document>"}')
        yield given, text


def _fragments(sources: list[tuple[Path, DocumentNode]], found: Collected) -> dict[str, FragmentDefinitionNode]:
    made: dict[str, FragmentDefinitionNode] = {}
    for path, source in sources:
        for item in source.definitions:
            if not isinstance(item, FragmentDefinitionNode):
                continue
            known = made.setdefault(item.name.value, item)
            if known is not item and print_ast(known) != print_ast(item):
                found.problems.append(f"{path}: the fragment {item.name.value} is defined differently elsewhere.")
    return made


def _closure(operation: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]) -> DocumentNode:
    """The operation with just the fragments it needs, in the order in which they are met."""
    needed: dict[str, FragmentDefinitionNode] = {}
    waiting: list[Node] = [operation]
    while waiting:
        visitor = FragmentNames()
        visit(waiting.pop(0), visitor)
        for name in visitor.names:
            if name in fragments and name not in needed:
                needed[name] = fragments[name]
                waiting.append(fragments[name])
    return DocumentNode(definitions=(operation, *needed.values()))


def _add(schema: GraphQLSchema, found: Collected, where: str, text: str) -> None:
    """Add a document, or what is wrong with it."""
    try:
        check_text(text, MAX_TOKENS_TRUSTED)
        document = parse(text)
        check_size(document)
        errors = validation_errors(schema, document)
    except (GraphQLError, OperationError) as error:
        found.problems.append(f"{where}: {_sentence(error)}")
        return
    operations = [item for item in document.definitions if isinstance(item, OperationDefinitionNode)]
    names = [item.name.value if item.name else "" for item in operations]
    if len(names) != 1 or not names[0]:
        found.problems.append(f"{where}: a registered document has exactly one operation, and that has a name.")
    elif errors:
        found.problems += [f"{where}: {names[0]}: {error.message}" for error in errors]
    else:
        found.documents.append(Document(names[0], text))


def _check_names(found: Collected) -> None:
    texts: dict[str, str] = {}
    for document in found.documents:
        if texts.setdefault(document.name, document.text) != document.text:
            found.problems.append(f"Two different operations are named {document.name}; give each a name of its own.")


def _sentence(error: Exception) -> str:
    if isinstance(error, GraphQLError) and error.locations:
        return f"{error.message} (line {error.locations[0].line}, column {error.locations[0].column})"
    if isinstance(error, OSError):
        return f"it cannot be read: {error.strerror or error}"
    return str(error)

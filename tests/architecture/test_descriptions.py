"""An integrator who has nothing but the introspected schema finds everything described."""

from collections.abc import Iterator

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    is_specified_directive,
    is_specified_scalar_type,
)

from graph.schema import build_schema


def undescribed_members(kind: GraphQLNamedType) -> Iterator[str]:
    if isinstance(kind, GraphQLEnumType):
        yield from (key for key, value in kind.values.items() if not value.description)
    if isinstance(kind, GraphQLInputObjectType):
        yield from (key for key, field in kind.fields.items() if not field.description)
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        for key, field in kind.fields.items():
            if not field.description:
                yield key
            yield from (f"{key}({name})" for name, argument in field.args.items() if not argument.description)


def undescribed(schema: GraphQLSchema) -> Iterator[str]:
    for name, kind in schema.type_map.items():
        if name.startswith("__") or is_specified_scalar_type(kind):
            continue
        if not kind.description:
            yield name
        yield from (f"{name}.{member}" for member in undescribed_members(kind))
    for directive in schema.directives:
        if not is_specified_directive(directive) and not directive.description:
            yield f"@{directive.name}"


def test_everything_is_described() -> None:
    assert list(undescribed(build_schema().core)) == []

"""Strawberry fields made from plain functions whose first parameter is ours, not the client's."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import strawberry
from strawberry.types.arguments import StrawberryArgument, StrawberryArgumentAnnotation
from strawberry.types.fields.resolver import StrawberryResolver

from graph.compiler.definitions import Annotation
from graph.compiler.types import TypeFactory

Function = Callable[..., Any]
INPUT_DESCRIPTION = "What to do, in full; see the input type."


def description_of(function: Function) -> str:
    text = inspect.cleandoc(function.__doc__ or "")
    if not text:
        raise TypeError(f"{function.__name__} needs a docstring: it is the field's description")
    return text


def arguments_of(factory: TypeFactory, function: Function, *, skip: int = 1) -> list[StrawberryArgument]:
    """The GraphQL arguments of a function: all parameters but the first (`skip`), each with a description."""
    hints = get_type_hints(function, include_extras=True)
    made = []
    for parameter in list(inspect.signature(function).parameters.values())[skip:]:
        hint = hints[parameter.name]
        if parameter.name == "input":
            hint = Annotated[hint, strawberry.argument(description=INPUT_DESCRIPTION)]
        described = get_origin(hint) is Annotated and any(
            isinstance(item, StrawberryArgumentAnnotation) and item.description for item in get_args(hint)
        )
        if not described:
            raise TypeError(f"{function.__name__}({parameter.name}): describe it by Annotated and strawberry.argument")
        default = strawberry.UNSET if parameter.default is parameter.empty else parameter.default
        made.append(
            StrawberryArgument(parameter.name, None, Annotation(hint, namespace=factory.namespace), default=default)
        )
    return made


def with_info(resolve: Callable[..., Awaitable[Any]] | Callable[..., Any]) -> Any:
    """A resolver that Strawberry calls with `info` and the arguments it was given."""

    def resolver(info: strawberry.Info, **arguments: Any) -> Any:
        return resolve(info._raw_info, **arguments)

    return StrawberryResolver(_info_only(resolver))


def _info_only(resolver: Function) -> Function:
    # Strawberry reads arguments off the signature; ours are set on the field, so the signature shows only info.
    parameter = inspect.Parameter("info", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=strawberry.Info)
    shown: Any = resolver
    shown.__signature__ = inspect.Signature([parameter], return_annotation=Any)
    return resolver

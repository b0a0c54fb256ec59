"""What `schema.graphql` says a field needs is what is enforced: it answers to who has just that, and to nobody who has
everything else.

What is expected is read off the printed SDL, so a directive that prints but does not guard, or guards but does not
print, fails here. Whatever a role allows lies between the two.
"""

from functools import lru_cache
from typing import Any
from uuid import UUID

import pytest
from graphql import ConstDirectiveNode, GraphQLObjectType, build_schema

from domain.identity.rules.roles import BUILT_IN
from domain.permissions import Permission
from graph.compiler.projection import Scalar
from graph.schema import build_schema as platform_schema
from tests.access.conftest import Place
from tests.access.walk import Step, call, every_field
from tests.compiler.conftest import actor

NOBODY = UUID(int=0)
ALL = frozenset(str(permission) for permission in Permission)
PARTS = 4  # that run side by side


@lru_cache
def printed() -> dict[tuple[str, str], tuple[frozenset[str], bool]]:
    """(type, field) -> (permissions, public) according to the SDL."""
    schema = build_schema(platform_schema().sdl)
    found = {}
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            of_type = required(kind.ast_node.directives or ()) if kind.ast_node else frozenset()
            for field_name, field in kind.fields.items():
                directives = (field.ast_node.directives or ()) if field.ast_node else ()
                public = any(directive.name.value == "public" for directive in directives)
                found[name, field_name] = (of_type | required(directives), public)
    return found


def required(directives: tuple[ConstDirectiveNode, ...]) -> frozenset[str]:
    found = [directive for directive in directives if directive.name.value == "requires"]
    values: list[Any] = [argument.value for directive in found for argument in directive.arguments or ()]
    return frozenset(value.value for value in values)


def expected(step: Step) -> frozenset[str]:
    return frozenset().union(*(printed()[place][0] for place in step.path))


def code(answer: dict[str, Any]) -> str | None:
    errors = answer.get("errors")
    return errors[0]["extensions"]["code"] if errors else None


def turned_away(answer: dict[str, Any]) -> str | None:
    """The code of a refusal before execution, when there is no data entry; a command's own refusals come later."""
    return None if "data" in answer else code(answer)


@pytest.mark.parametrize("part", range(PARTS))
async def test_reads(place: Place, part: int) -> None:
    schema = place.platform.schema.core
    assert schema.query_type
    for step in list(every_field(schema, schema.query_type, "query", f"ac_{NOBODY}"))[part::PARTS]:
        needed = expected(step)
        answer = await place.ask(step.document, actor(permissions=needed))
        assert code(answer) in (None, "BAD_USER_INPUT"), (step.document, answer)
        for permission in needed:
            answer = await place.ask(step.document, actor(permissions=ALL - {permission}))
            assert code(answer) == "FORBIDDEN", (step.document, permission, answer)
            assert permission in answer["errors"][0]["message"]


async def test_filtering_and_ordering_by_a_field_need_what_reading_it_needs(place: Place) -> None:
    """Whether `where` or `orderBy` lets through a guess about a field, it must be one that the actor may read."""
    schema = place.platform.schema
    tried = 0
    for root in schema.roots.values():
        if root.kind != "many" or root.target is None:
            continue
        for field in root.target.fields.values():
            needed = printed()[root.target.name, field.name][0]
            if not isinstance(field, Scalar) or field.requires is None:
                continue
            held = frozenset(str(permission) for permission in Permission) - {str(field.requires)}
            for argument in (
                f"orderBy: [{{{field.name}: ASC}}]" if field.order else "",
                f"where: {{not: {{{field.name}: {{isNull: true}}}}}}" if field.filter else "",
            ):
                if argument:
                    tried += 1
                    answer = await place.ask(f"{{ {root.name}({argument}) {{ __typename }} }}", actor(permissions=held))
                    assert turned_away(answer) == "FORBIDDEN", (root.name, argument, needed)
    assert tried > 0


async def test_writes(place: Place) -> None:
    """A mutation that somebody may not do is refused before it begins; one that they may is not FORBIDDEN."""
    schema = place.platform.schema.core
    assert schema.mutation_type
    for name, field in schema.mutation_type.fields.items():
        needed, public = printed()["Mutation", name]
        if public:
            continue
        document = f"mutation {{ {call(name, field, f'ac_{NOBODY}')} {{ __typename }} }}"
        answer = await place.ask(document, actor(permissions=needed))
        assert turned_away(answer) not in ("FORBIDDEN", "UNAUTHENTICATED"), (name, answer)
        for permission in needed:
            answer = await place.ask(document, actor(permissions=ALL - {permission}))
            assert turned_away(answer) == "FORBIDDEN", (name, permission, answer)


async def test_subscriptions(place: Place) -> None:
    schema = place.platform.schema.core
    assert schema.subscription_type
    for name, field in schema.subscription_type.fields.items():
        document = f"subscription {{ {call(name, field, f'ac_{NOBODY}')} {{ __typename }} }}"
        for permission in printed()["Subscription", name][0]:
            refused = await place.listen(document, actor(permissions=ALL - {permission}))
            assert code(refused) == "FORBIDDEN", (name, permission)


async def test_without_sign_in_only_public_fields_answer(place: Place) -> None:
    schema = place.platform.schema.core
    for kind, word in ((schema.query_type, "query"), (schema.mutation_type, "mutation")):
        assert kind
        for name, field in kind.fields.items():
            answer = await place.ask(f"{word} {{ {call(name, field, f'ac_{NOBODY}')} {{ __typename }} }}", None)
            _, public = printed()[kind.name, name]
            assert (turned_away(answer) == "UNAUTHENTICATED") != public, (name, answer)
    assert schema.subscription_type
    for name, field in schema.subscription_type.fields.items():
        answer = await place.listen(f"subscription {{ {call(name, field, f'ac_{NOBODY}')} {{ __typename }} }}", None)
        assert code(answer) == "UNAUTHENTICATED", name


def test_every_root_field_is_public_or_guarded_somewhere() -> None:
    """A root mutation that neither is public nor names a permission is on this list: what is a person's own."""
    signed_in_only = {"signOut", "signOutAll", "switchOrganization", "updateProfile"}
    signed_in_only |= {"notifications", "markNotificationsRead", "setNotificationPreference"}
    open_fields = {
        name
        for (kind, name), (needed, public) in printed().items()
        if kind in ("Mutation", "Subscription") and not needed and not public
    }
    assert open_fields <= signed_in_only, open_fields - signed_in_only


def test_every_permission_guards_something_or_belongs_to_a_role() -> None:
    used = frozenset().union(*(needed for needed, _ in printed().values()))
    held = {permission for role in BUILT_IN.values() for permission in role.permissions}
    assert used <= held <= set(Permission)

"""A cursor that somebody made up or changed is refused in words, and costs nothing that stays."""

import base64
from typing import Any

import orjson
import pytest

from graph.compiler import keyset
from tests.compiler.conftest import World

PAGE = """query ($after: String, $by: [AircraftOrder!]) {
  aircraftList(first: 2, after: $after, orderBy: $by) { nodes { id } pageInfo { endCursor } } }"""
ANY_ID = "019a2b3c-0000-7000-8000-000000000000"


def packed(*values: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode()


async def refused(world: World, after: str, by: Any = None) -> None:
    answer = await world.ask(PAGE, {"after": after, "by": by})
    assert [each["extensions"]["code"] for each in answer["errors"]] == ["BAD_USER_INPUT"], ascii(after)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "%%%",
        "é",
        "\x00",
        "a" * 100_000,
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(b"[" * 5_000).decode(),
        packed(),
        packed("ac:registration,id"),
        packed("ty:manufacturer,id", "a", ANY_ID),
        packed(1, "a", ANY_ID),
        packed(["ac:registration,id"], "a", ANY_ID),
    ],
)
async def test_what_is_no_cursor(world: World, text: str) -> None:
    await refused(world, text)


@pytest.mark.parametrize(
    ("by", "order", "value"),
    [
        ({"registration": "ASC"}, "registration", 5),
        ({"registration": "ASC"}, "registration", ["a"]),
        ({"registration": "ASC"}, "registration", {"a": 1}),
        ({"registration": "ASC"}, "registration", True),
        ({"registration": "ASC"}, "registration", "a\x00b"),
        ({"totalCycles": "DESC"}, "-totalCycles", "5"),
        ({"totalCycles": "DESC"}, "-totalCycles", 5.5),
        ({"totalCycles": "DESC"}, "-totalCycles", 2**64 - 1),
        ({"createdAt": "ASC"}, "createdAt", "yesterday"),
        ({"createdAt": "ASC"}, "createdAt", "0001-01-01T00:00:00+14:00"),
        ({"createdAt": "ASC"}, "createdAt", 5),
    ],
)
async def test_a_value_that_the_key_cannot_have(world: World, by: Any, order: str, value: Any) -> None:
    answer = await world.data(PAGE, {"by": [by]})
    kept, *values = orjson.loads(base64.urlsafe_b64decode(answer["aircraftList"]["pageInfo"]["endCursor"] + "=="))
    assert kept.startswith(f"ac:{order}")
    await world.data(PAGE, {"by": [by], "after": packed(kept, *values)})
    await refused(world, packed(kept, value, *values[1:]), [by])
    if len(values) > 1:
        for wrong in ("x", 5, True, [ANY_ID]):
            await refused(world, packed(kept, values[0], wrong), [by])


def test_what_is_remembered_does_not_grow_with_what_is_sent(world: World) -> None:
    long = packed("ac:registration,id", "a" * keyset.MAX_CURSOR, ANY_ID)
    with pytest.raises(keyset.BadUserInputError):
        keyset.null_mask(long)

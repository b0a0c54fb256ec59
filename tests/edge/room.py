"""A room for the tests of the protocols: fields that wait, fail, stream and count, on the real engine."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any

import strawberry

from db.identity.organizations import Organization as OrganizationRow
from domain.context import Ctx
from domain.errors import BadUserInputError, NotFoundError
from domain.permissions import Permission
from graph.compiler.projection import column, projection
from graph.compiler.roots import many
from graph.core.mutations import Guest, mutation, public_mutation
from graph.core.room import Room
from graph.core.subscriptions import Listener, subscription
from graph.schema import BuiltSchema

Seconds = Annotated[float, strawberry.argument(description="Seconds.")]
Number = Annotated[int, strawberry.argument(description="A number.")]

counters: dict[str, int] = {"open": 0, "bumped": 0, "yielded": 0}


@projection(OrganizationRow, prefix="org", requires=Permission.ORGANIZATION_READ, default_order=("slug",))
class Organization:
    """An organization."""

    slug = column("Its short name.", filter=True, order=True)
    name = column("Its name.", filter=True)


@public_mutation(payload={"text": (str | None, "What was said.")})
async def echo(
    _guest: Guest,
    text: Annotated[str, strawberry.argument(description="What to say.")],
    times: Number = 1,
) -> dict[str, Any]:
    """Say it."""
    counters["bumped"] += 1
    return {"text": text * times}


@public_mutation(payload={"text": (str | None, "Nothing.")})
async def boom(_guest: Guest) -> dict[str, Any]:
    """Fail as no one planned."""
    raise RuntimeError("the secret of the house")


@public_mutation(payload={"text": (str | None, "Nothing.")})
async def missing(_guest: Guest) -> dict[str, Any]:
    """Fail as planned."""
    raise NotFoundError("There is no such thing.")


@mutation(requires=Permission.FLEET_MANAGE, payload={"text": (str | None, "Done.")})
async def wait(_ctx: Ctx, seconds: Seconds) -> dict[str, Any]:
    """Take a while, in a transaction."""
    counters["open"] += 1
    try:
        await asyncio.sleep(seconds)
    finally:
        counters["open"] -= 1
    return {"text": "done"}


@subscription(requires=Permission.EVENT_READ, payload={"number": (int | None, "Which."), "text": (str | None, "Text.")})
async def ticks(
    _listener: Listener, count: Number, seconds: Seconds = 0.0, size: Number = 0, fail: Number = -1
) -> AsyncGenerator[dict[str, Any], None]:
    """Count."""
    counters["open"] += 1
    try:
        for number in range(count):
            if number == fail:
                raise RuntimeError("the secret of the stream")
            await asyncio.sleep(seconds)
            counters["yielded"] += 1
            yield {"number": number, "text": "x" * size}
    finally:
        counters["open"] -= 1


@subscription(
    requires=Permission.EVENT_READ,
    payload={"number": (int | None, "Which."), "cursor": (str, "Where it stands.")},
)
async def numbers(
    _listener: Listener,
    until: Number,
    after: Annotated[str | None, strawberry.argument(description="A cursor got before.")] = None,
) -> AsyncGenerator[dict[str, Any], None]:
    """Count on behind a cursor."""
    if after is not None and not after.startswith("n"):
        raise BadUserInputError("The cursor is not one of ours.")
    for number in range(int(after[1:]) + 1 if after else 1, until + 1):
        yield {"number": number, "cursor": f"n{number}"}


def schema() -> BuiltSchema:
    return BuiltSchema(
        Room(
            projections=[Organization],
            queries=[many("organizations", Organization, "Organizations.")],
            mutations=[echo, boom, missing, wait],
            subscriptions=[ticks, numbers],
        )
    )

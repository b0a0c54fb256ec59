"""How reads share connections whose scope costs a round trip to change."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from db.read_connection import ReadConnection

Scope = tuple[str, str]  # organization and user, as Actor.scope gives them; "" for none

# How long a read waits for a busy connection of its scope while others are free: some times what a read takes of late,
# within these bounds, in seconds.
PATIENCE = 4
SHORTEST_PATIENCE, LONGEST_PATIENCE = 0.001, 0.020
AVERAGED = 32  # reads, in the average of what one takes


class Turn(NamedTuple):
    """A read that waits. It is given a connection and whose that was last, or None: look again."""

    given: "asyncio.Future[tuple[ReadConnection, Place] | None]"
    place: "Place"
    since: float


@dataclass(eq=False)
class Place:
    """The connections that have one scope, and the reads that wait for one of them; `reads` are all that are about."""

    scope: Scope
    free: list[ReadConnection] = field(default_factory=list)
    busy: int = 0
    reads: int = 0
    waiting: deque[Turn] = field(default_factory=deque)


class Shared:
    """At most `size` connections, lent to reads.

    A read gets a free connection of its scope, or a new one. When there is none it waits a moment for one of its scope
    that is busy, and then takes what has been free for longest or what is free next, in the order of coming: under
    load a change of scope costs more than the wait, and nobody waits for long."""

    def __init__(self, size: int, connect: Callable[[], Awaitable[ReadConnection]]) -> None:
        self._size = size
        self._connect = connect
        self._open = 0
        self._places: dict[Scope, Place] = {}
        self._free: OrderedDict[ReadConnection, Place] = OrderedDict()  # free for longest first
        self._impatient: deque[Turn] = deque()
        self._sweep_at: asyncio.TimerHandle | None = None
        self._usual = 0.0

    async def borrow(self, scope: Scope) -> tuple[ReadConnection, Place, bool]:
        """A connection, where to give it back, and whether it has this scope already."""
        place = self._places.get(scope)
        if place is None:
            place = self._places[scope] = Place(scope)
        place.reads += 1
        if place.free:
            connection = place.free.pop()
            del self._free[connection]
            place.busy += 1
            return connection, place, True
        try:
            connection, found = await self._other(place)
        except BaseException:
            self._done(place)
            raise
        return connection, place, found

    def give_back(self, connection: ReadConnection, place: Place, seconds: float) -> None:
        """Ends a loan that lasted so long."""
        if connection.is_closed() or not self._size:
            self.discard(connection, place)
            return
        self._usual += (seconds - self._usual) / AVERAGED
        place.busy -= 1
        self._lend_on(connection, place)
        self._done(place)

    def discard(self, connection: ReadConnection, place: Place) -> None:
        """Ends a loan of a connection that is of no more use."""
        connection.terminate()
        place.busy -= 1
        self._lost()
        self._done(place)

    async def close(self) -> None:
        self._size = 0  # what is given back later is closed then
        for connection in list(self._free):
            await connection.close(timeout=2)
        self._free.clear()
        self._places.clear()
        self._open = 0

    async def _other(self, place: Place) -> tuple[ReadConnection, bool]:
        """A connection when none of this scope is free, and whether it has the scope."""
        while True:
            if self._open < self._size:
                return await self._new(place), False
            if self._free and not place.busy:
                return self._take(place)[0], False
            given = await self._wait(place)
            if given is not None:
                return given[0], given[1] is place

    async def _new(self, place: Place) -> ReadConnection:
        self._open += 1
        try:
            made = await self._connect()
        except BaseException:
            self._lost()
            raise
        place.busy += 1
        return made

    def _take(self, place: Place) -> tuple[ReadConnection, Place]:
        """What has been free for longest, for another scope, and whose it was."""
        connection, before = self._free.popitem(last=False)
        before.free.remove(connection)
        self._forget_if_empty(before)
        place.busy += 1
        return connection, before

    async def _wait(self, place: Place) -> tuple[ReadConnection, Place] | None:
        loop = asyncio.get_running_loop()
        turn = Turn(loop.create_future(), place, loop.time())
        if place.busy:
            place.waiting.append(turn)
            if self._sweep_at is None:
                self._sweep_at = loop.call_later(self._patience(), self._sweep)
        else:
            self._impatient.append(turn)
        try:
            return await turn.given
        except BaseException:
            if turn.given.done() and not turn.given.cancelled():
                self._pass_on(turn)
            raise

    def _pass_on(self, turn: Turn) -> None:
        """What was given to a read that was cancelled in the same moment."""
        given = turn.given.result()
        if given is None:
            self._look_again()
        else:
            turn.place.busy -= 1
            self._lend_on(*given)

    def _lend_on(self, connection: ReadConnection, place: Place) -> None:
        """To who waits for this scope, unless somebody else has waited for any connection and for longer."""
        _drop_cancelled(place.waiting)
        _drop_cancelled(self._impatient)
        others = self._impatient
        if others and not (place.waiting and place.waiting[0].since <= others[0].since):
            turn = others.popleft()
        elif place.waiting:
            turn = place.waiting.popleft()
        else:
            # Who waited and was cancelled may have been the last to know the place that this comes from.
            place = self._places.setdefault(place.scope, place)
            place.free.append(connection)
            self._free[connection] = place
            return
        turn.place.busy += 1
        turn.given.set_result((connection, place))

    def _sweep(self) -> None:
        """Ends the patience of reads that have waited for their scope long enough."""
        self._sweep_at = None
        loop = asyncio.get_running_loop()
        latest = loop.time() - self._patience()
        late: list[Turn] = []
        left = False
        for place in self._places.values():
            while place.waiting and place.waiting[0].since <= latest:
                late.append(place.waiting.popleft())
            left = left or bool(place.waiting)
        for turn in sorted(late, key=lambda each: each.since):
            if turn.given.done():
                continue
            if self._free:
                turn.given.set_result(self._take(turn.place))
            else:
                self._impatient.append(turn)
        if left:
            self._sweep_at = loop.call_later(self._patience(), self._sweep)

    def _patience(self) -> float:
        return min(max(PATIENCE * self._usual, SHORTEST_PATIENCE), LONGEST_PATIENCE)

    def _lost(self) -> None:
        self._open -= 1
        self._look_again()

    def _done(self, place: Place) -> None:
        place.reads -= 1
        self._forget_if_empty(place)

    def _look_again(self) -> None:
        """One who waits may open a connection now."""
        waiting = [queue for queue in (self._impatient, *(each.waiting for each in self._places.values())) if queue]
        for queue in sorted(waiting, key=lambda each: each[0].since):
            while queue:
                turn = queue.popleft()
                if not turn.given.done():
                    turn.given.set_result(None)
                    return

    def _forget_if_empty(self, place: Place) -> None:
        if not (place.free or place.reads) and self._places.get(place.scope) is place:
            del self._places[place.scope]


def _drop_cancelled(queue: deque[Turn]) -> None:
    while queue and queue[0].given.done():
        queue.popleft()

"""The benchmark makes its cursors itself; they must be the platform's."""

from uuid import uuid4

from bench.reading import cursors
from graph.compiler import keyset


def test_a_cursor_of_ours_is_read_by_the_platform_and_by_us() -> None:
    values = ('D-ÄÖ "1"', str(uuid4()))
    cursor = cursors.encode(cursors.BY_REGISTRATION, values)
    assert keyset._unpack(cursor) == (cursors.BY_REGISTRATION, *values)
    assert cursors.decode(cursor) == list(values)

"""How the suite is shared out between two processes: the longest first, and a folder whose set-up is dear stays whole.

What is made once a session (an application, a populated database) is made by each process that runs a test of its
folder. And whoever gets a long file last keeps the other waiting.
"""

import pytest
from xdist.scheduler import LoadFileScheduling

WHOLE = ("tests/access", "tests/compiler", "tests/edge", "tests/operations", "tests/versions")
# Those that take more than some ten seconds, as they come to begin with; everything else follows in its order.
FIRST = (
    "tests/compiler",
    "tests/edge",
    "tests/operations",
    "tests/runtime/test_up.py",
    "tests/versions",
    "tests/access",
    "tests/bench",
    "tests/runtime",
    "tests/events",
    "tests/workers",
)


def unit(nodeid: str) -> str:
    """What runs in one process: a file, or a whole folder."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in WHOLE if file.startswith(f"{folder}/")), file)


def place(nodeid: str) -> int:
    return next((number for number, start in enumerate(FIRST) if unit(nodeid).startswith(start)), len(FIRST))


class Sharing(LoadFileScheduling):
    """By `unit`, in the order of the collection."""

    def __init__(self, config: pytest.Config, log: object) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # by default the files with most tests come first

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)

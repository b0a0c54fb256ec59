"""How the suite is shared out between processes: the longest first, and a folder whose set-up is dear stays whole.

What is made once a session (an application, a populated database) is made by each process that runs a test of its
folder. And whoever gets a long file last keeps the others waiting.
"""

import pytest
from xdist.scheduler import LoadFileScheduling

WHOLE = ("tests/access", "tests/bench", "tests/compiler", "tests/edge", "tests/operations", "tests/versions")
# Each of these works on the demo, which is loaded once by whoever runs them.
DEMO = "demo"
SHOWN = ("tests/architecture/test_migrations.py", "/test_demo.py")
# Those that take more than some ten seconds, as they come to begin with; everything else follows in its order.
FIRST = (
    "tests/compiler",
    "tests/edge",
    "tests/operations",
    DEMO,
    "tests/runtime/test_up.py",
    "tests/versions",
    "tests/access",
    "tests/bench",
    "tests/runtime",
    "tests/events",
    "tests/workers",
)


def unit(nodeid: str) -> str:
    """What runs in one process: a file, a whole folder, or all that works on the demo."""
    file = nodeid.partition("::")[0]
    if file.endswith(SHOWN):
        return DEMO
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

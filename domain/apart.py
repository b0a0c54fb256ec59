"""Reading what strangers sent, in a process of its own.

Some kinds of file say by themselves how much work it is to read them: how many rounds derive a key, how often a picture
is drawn over. A few kilobytes may ask for hours, and no thread can be stopped. A process can: the system ends it.
"""

import asyncio
import os
import resource
import sys
from collections.abc import Callable
from tempfile import TemporaryDirectory

from domain.errors import RateLimitedError

CPU_SECONDS = 4  # an honest file takes less than one
WAIT_SECONDS = 20.0  # when the machine is busy
AT_ONCE = 4  # each holds a transaction open meanwhile

_running = 0


async def apart(module: str, sent: bytes) -> bytes | None:
    """What `module`, which calls `answer`, makes of it; None when that takes more than CPU_SECONDS of work, or fails.
    Raises RateLimitedError while AT_ONCE others are read."""
    global _running  # noqa: PLW0603 - a count of what this process has started, whichever loop did
    if _running >= AT_ONCE:
        raise RateLimitedError("Other files are being looked at; try again in some seconds.")
    _running += 1
    try:
        # What is ended cannot tidy up after itself.
        with TemporaryDirectory(prefix="opsgraph-apart-") as folder:
            return await _asked(module, sent, folder)
    finally:
        _running -= 1


async def _asked(module: str, sent: bytes, folder: str) -> bytes | None:
    from runtime.supervisor import child_environment

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=child_environment(TMPDIR=folder),
    )
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            answer, _ = await process.communicate(sent)
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return answer if process.returncode == 0 else None


def answer(work: Callable[[bytes], bytes]) -> None:
    """The process: standard output is what `work` makes of standard input. Whoever serves goes first."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    os.nice(10)
    sys.stdout.buffer.write(work(sys.stdin.buffer.read()))

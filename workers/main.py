"""What `opsgraph worker` runs: the service, and an arq worker that is started again whenever Redis ended it.

Without Redis the process stays up: the relay goes on numbering events, and jobs wait in their table.
"""

import asyncio
import contextlib
import signal
import time

from redis.exceptions import RedisError

from runtime import logging
from runtime.logging import get_logger
from runtime.settings import Settings
from workers import queue
from workers.service import Service, options

log = get_logger(__name__)

FIRST_RETRY, LAST_RETRY = 0.2, 5.0


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; running jobs are given back."""
    logging.configure(settings.log_level)
    asyncio.run(_until_signal(settings))


async def _until_signal(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(settings, stop)


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Work until `stop` is set."""
    service = Service(settings)
    await service.start()
    log.info("worker started", worker_id=str(service.identity.id))
    engine = asyncio.create_task(_keep_running(service))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({engine, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if engine.done():
            engine.result()
    finally:
        for task in (engine, stopping):
            task.cancel()
        await asyncio.gather(engine, stopping, return_exceptions=True)
        await service.stop()
        log.info("worker stopped", worker_id=str(service.identity.id))


async def _keep_running(service: Service) -> None:
    """Run arq workers one after the other. Jobs that ran when Redis went away run on beside the next one."""
    delay = FIRST_RETRY
    ending: set[asyncio.Task[None]] = set()
    try:
        while True:
            started = time.monotonic()
            worker = queue.worker(options(service.settings, service), handle_signals=False)
            try:
                await worker.async_run()
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("job engine lost Redis", error=repr(error), again_in=delay)
                ending.add(task := asyncio.create_task(_end(worker)))
                task.add_done_callback(ending.discard)
            except asyncio.CancelledError:
                for running in worker.tasks.values():
                    running.cancel()
                await _end(worker)
                raise
            if time.monotonic() - started > LAST_RETRY:
                delay = FIRST_RETRY
            await asyncio.sleep(delay)
            delay = min(delay * 2, LAST_RETRY)
    finally:
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)


async def _end(worker: queue.Worker) -> None:
    """Wait for the worker's running jobs and close its connections. arq's own `close` would ask Redis first."""
    try:
        await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
    finally:
        if worker.ctx.get("redis") is not None:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await worker.pool.aclose()

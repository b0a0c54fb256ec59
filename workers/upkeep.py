"""What has to be done once a day."""

from datetime import UTC, datetime

from sqlalchemy import text

from db import idempotency
from db.session import Database
from domain.events.archiving import archive_all, drop_empty_partitions
from domain.events.relay import MONTHS_AHEAD
from domain.files import uploads
from domain.identity.upkeep import sweep
from runtime.logging import get_logger
from runtime.settings import Settings
from runtime.storage import Storage

log = get_logger(__name__)

ENSURE = text("SELECT event_log_ensure_partitions(:months)")
FORGET_JOBS = text("""
    WITH forgotten AS (
        DELETE FROM jobs WHERE state = 'DONE' AND finished_at < clock_timestamp() - interval '30 days' RETURNING 1
    )
    SELECT count(*) FROM forgotten
""")


async def run(db: Database, settings: Settings) -> None:
    """Make the log's next partitions and forget jobs that were done a month ago (failed ones are kept);
    end sessions that expired and forget idempotency keys and uploads that did; archive events that are kept no longer,
    and drop the partitions that held them."""
    async with db.platform() as session:
        made = await session.scalar(ENSURE, {"months": MONTHS_AHEAD})
        forgotten = await session.scalar(FORGET_JOBS)
    async with db.platform() as session:
        ended = await sweep(session, datetime.now(UTC))
    keys = await idempotency.sweep(db)
    log.info("upkeep", partitions=made, jobs_forgotten=forgotten, sessions_expired=ended, keys_forgotten=keys)
    log.info("uploads", forgotten=await uploads.sweep(db, datetime.now(UTC), Storage(settings)))
    archived = await archive_all(db)
    log.info("retention", events_archived=archived, partitions_dropped=await drop_empty_partitions(db))

"""Jobs, written in the transaction that asks for them; arq is only the trigger and the engine."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, func, text
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from db.base import Base, one_of


class JobState(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


class Job(Base):
    """`org_id` is empty for a platform job (one that no organization asked for).

    `attempts` counts starts and fences them: whoever started attempt n may only finish attempt n. `failures`
    counts those that ended badly; a worker's orderly stop is none.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        one_of("state", JobState),
        Index("ix_jobs_due", "run_after", postgresql_where=text("state = 'QUEUED'")),
        Index("ix_jobs_running", "lease_until", postgresql_where=text("state = 'RUNNING'")),
        Index("ix_jobs_org_id_created_at", "org_id", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    org_id: Mapped[UUID | None]
    kind: Mapped[str]
    arguments: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(default=JobState.QUEUED, server_default=JobState.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    run_after: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    triggered_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    worker_id: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

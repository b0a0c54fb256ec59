"""Work orders: what is to be done on an aircraft before it is released again."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin, one_of
from db.search import search_index, searched


class WorkOrderStatus(StrEnum):
    DRAFT = "DRAFT"
    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    AWAITING_RELEASE = "AWAITING_RELEASE"
    RELEASED = "RELEASED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


class WorkOrder(TenantMixin, TimestampMixin, Base):
    """`number` counts within the organization. Work orders are kept: there is no way to delete one."""

    __tablename__ = "work_orders"
    __table_args__ = (
        one_of("status", WorkOrderStatus),
        CheckConstraint("number >= 1", name="number"),
        CheckConstraint("length(title) BETWEEN 1 AND 200", name="title"),
        CheckConstraint("length(description) BETWEEN 1 AND 10000", name="description"),
        CheckConstraint("planned_end_on >= planned_start_on", name="planned"),
        CheckConstraint("(status = 'CANCELLED') = (cancellation_reason IS NOT NULL)", name="cancelled"),
        CheckConstraint("length(cancellation_reason) BETWEEN 1 AND 1000", name="cancellation_reason"),
        CheckConstraint("(status IN ('RELEASED', 'CLOSED')) = (released_at IS NOT NULL)", name="released"),
        ForeignKeyConstraint(["org_id", "aircraft_id"], ["aircraft.org_id", "aircraft.id"]),
        UniqueConstraint("org_id", "number"),
        UniqueConstraint("org_id", "id", "aircraft_id"),
        Index("ix_work_orders_org_id_number_id", "org_id", "number", "id"),
        Index("ix_work_orders_org_id_aircraft_id_id", "org_id", "aircraft_id", "id"),
        Index("ix_work_orders_org_id_title_id", "org_id", "title", "id"),
        Index("ix_work_orders_org_id_status_id", "org_id", "status", "id"),
        Index("ix_work_orders_org_id_planned_start_on_id", "org_id", "planned_start_on", "id"),
        Index("ix_work_orders_org_id_planned_end_on_id", "org_id", "planned_end_on", "id"),
        Index("ix_work_orders_org_id_released_at_id", "org_id", "released_at", "id"),
        Index("ix_work_orders_org_id_created_at_id", "org_id", "created_at", "id"),
        search_index("work_orders"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    number: Mapped[int]
    aircraft_id: Mapped[UUID]
    title: Mapped[str]
    description: Mapped[str | None]
    status: Mapped[str] = mapped_column(default=WorkOrderStatus.DRAFT, server_default=WorkOrderStatus.DRAFT)
    planned_start_on: Mapped[date | None]
    planned_end_on: Mapped[date | None]
    creator_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    cancellation_reason: Mapped[str | None]
    released_at: Mapped[datetime | None]
    search_text: Mapped[str | None] = searched("title", "description")

"""Task cards, and the signatures on them."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin, one_of
from db.search import search_index, searched


class TaskCardStatus(StrEnum):
    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    PERFORMED = "PERFORMED"
    INSPECTED = "INSPECTED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


class SignOffKind(StrEnum):
    PERFORMANCE = "PERFORMANCE"
    INSPECTION = "INSPECTION"
    REJECTION = "REJECTION"
    CLOSURE = "CLOSURE"


class TaskCard(TenantMixin, TimestampMixin, Base):
    """`number` counts within the work order. A card that is made from something due names it: a task of the programme
    (and the component that it is due on), a directive or a defect. Of each there is at most one unfinished card."""

    __tablename__ = "task_cards"
    __table_args__ = (
        one_of("status", TaskCardStatus),
        CheckConstraint("number >= 1", name="number"),
        CheckConstraint("length(title) BETWEEN 1 AND 300", name="title"),
        CheckConstraint("length(reference) BETWEEN 1 AND 200", name="reference"),
        CheckConstraint("length(instructions) BETWEEN 1 AND 20000", name="instructions"),
        CheckConstraint("num_nonnulls(task_id, directive_id, defect_id) <= 1", name="source"),
        CheckConstraint("component_id IS NULL OR task_id IS NOT NULL", name="component"),
        CheckConstraint("status <> 'INSPECTED' OR inspection_required", name="inspected"),
        CheckConstraint("(status = 'CANCELLED') = (cancellation_reason IS NOT NULL)", name="cancelled"),
        CheckConstraint("length(cancellation_reason) BETWEEN 1 AND 1000", name="cancellation_reason"),
        ForeignKeyConstraint(
            ["org_id", "work_order_id", "aircraft_id"],
            ["work_orders.org_id", "work_orders.id", "work_orders.aircraft_id"],
        ),
        ForeignKeyConstraint(["org_id", "task_id"], ["programme_tasks.org_id", "programme_tasks.id"]),
        ForeignKeyConstraint(["org_id", "component_id"], ["components.org_id", "components.id"]),
        ForeignKeyConstraint(["org_id", "directive_id"], ["directives.org_id", "directives.id"]),
        ForeignKeyConstraint(
            ["org_id", "defect_id", "aircraft_id"],
            ["defects.org_id", "defects.id", "defects.aircraft_id"],
            use_alter=True,
        ),
        UniqueConstraint("org_id", "work_order_id", "number"),
        UniqueConstraint("org_id", "id", "aircraft_id"),
        Index(
            "uq_task_cards_task",
            "org_id",
            "aircraft_id",
            "task_id",
            "component_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("task_id IS NOT NULL AND status NOT IN ('CLOSED', 'CANCELLED')"),
        ),
        Index(
            "uq_task_cards_directive",
            "org_id",
            "aircraft_id",
            "directive_id",
            unique=True,
            postgresql_where=text("directive_id IS NOT NULL AND status NOT IN ('CLOSED', 'CANCELLED')"),
        ),
        Index(
            "uq_task_cards_defect",
            "org_id",
            "defect_id",
            unique=True,
            postgresql_where=text("defect_id IS NOT NULL AND status NOT IN ('CLOSED', 'CANCELLED')"),
        ),
        Index("ix_task_cards_org_id_work_order_id_number_id", "org_id", "work_order_id", "number", "id"),
        Index("ix_task_cards_org_id_number_id", "org_id", "number", "id"),
        Index("ix_task_cards_org_id_aircraft_id_id", "org_id", "aircraft_id", "id"),
        Index("ix_task_cards_org_id_title_id", "org_id", "title", "id"),
        Index("ix_task_cards_org_id_reference_id", "org_id", "reference", "id"),
        Index("ix_task_cards_org_id_status_id", "org_id", "status", "id"),
        Index("ix_task_cards_org_id_inspection_required_id", "org_id", "inspection_required", "id"),
        Index("ix_task_cards_org_id_assignee_id_id", "org_id", "assignee_id", "id"),
        Index("ix_task_cards_org_id_task_id_id", "org_id", "task_id", "id"),
        Index("ix_task_cards_org_id_component_id_id", "org_id", "component_id", "id"),
        Index("ix_task_cards_org_id_directive_id_id", "org_id", "directive_id", "id"),
        Index("ix_task_cards_org_id_defect_id_id", "org_id", "defect_id", "id"),
        Index("ix_task_cards_org_id_created_at_id", "org_id", "created_at", "id"),
        search_index("task_cards"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    work_order_id: Mapped[UUID]
    aircraft_id: Mapped[UUID]
    number: Mapped[int]
    title: Mapped[str]
    reference: Mapped[str | None]
    instructions: Mapped[str | None]
    inspection_required: Mapped[bool] = mapped_column(default=False, server_default="false")
    status: Mapped[str] = mapped_column(default=TaskCardStatus.OPEN, server_default=TaskCardStatus.OPEN)
    assignee_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    task_id: Mapped[UUID | None]
    component_id: Mapped[UUID | None]
    directive_id: Mapped[UUID | None]
    defect_id: Mapped[UUID | None]
    cancellation_reason: Mapped[str | None]
    search_text: Mapped[str | None] = searched("title", "reference")


class SignOff(TenantMixin, Base):
    """A signature: never changed, never deleted. It names the authorisation that it was given by, and keeps what the
    aircraft had flown at that moment. `signed_on` is the day in the organization's time zone."""

    __tablename__ = "sign_offs"
    __table_args__ = (
        one_of("kind", SignOffKind),
        CheckConstraint("length(note) BETWEEN 1 AND 4000", name="note"),
        CheckConstraint("kind NOT IN ('PERFORMANCE', 'REJECTION') OR note IS NOT NULL", name="says_what"),
        CheckConstraint("total_minutes >= 0 AND total_cycles >= 0", name="totals"),
        ForeignKeyConstraint(["org_id", "task_card_id"], ["task_cards.org_id", "task_cards.id"]),
        ForeignKeyConstraint(["org_id", "authorisation_id"], ["authorisations.org_id", "authorisations.id"]),
        Index("uq_sign_offs_closure", "org_id", "task_card_id", unique=True, postgresql_where=text("kind = 'CLOSURE'")),
        Index("ix_sign_offs_org_id_task_card_id_id", "org_id", "task_card_id", "id"),
        Index("ix_sign_offs_org_id_kind_id", "org_id", "kind", "id"),
        Index("ix_sign_offs_org_id_signatory_id_id", "org_id", "signatory_id", "id"),
        Index("ix_sign_offs_org_id_authorisation_id_id", "org_id", "authorisation_id", "id"),
        Index("ix_sign_offs_org_id_signed_on_id", "org_id", "signed_on", "id"),
        Index("ix_sign_offs_org_id_signed_at_id", "org_id", "signed_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    task_card_id: Mapped[UUID]
    kind: Mapped[str]
    signatory_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    authorisation_id: Mapped[UUID]
    note: Mapped[str | None]
    total_minutes: Mapped[int]
    total_cycles: Mapped[int]
    signed_on: Mapped[date]
    signed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

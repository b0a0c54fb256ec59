"""Authorisations: what the organization lets a person sign for, on which types of aircraft."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin, one_of
from db.search import search_index, searched


class Privilege(StrEnum):
    CERTIFYING_STAFF = "CERTIFYING_STAFF"
    INSPECTOR = "INSPECTOR"
    MECHANIC = "MECHANIC"
    COMPONENT_CERTIFYING = "COMPONENT_CERTIFYING"
    FUELER = "FUELER"


class AuthorisationState(StrEnum):
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    REVOKED = "REVOKED"


class Authorisation(TenantMixin, TimestampMixin, Base):
    """Whether it is effective on a day is computed (`authorisation_reasons` in SQL, the same rule in Python).

    The foreign key of the licence names the person too: nobody is authorised on another's licence.
    """

    __tablename__ = "authorisations"
    __table_args__ = (
        one_of("privilege", Privilege),
        one_of("state", AuthorisationState),
        CheckConstraint("length(number) BETWEEN 1 AND 30 AND number = upper(number)", name="number"),
        CheckConstraint("length(tasks) BETWEEN 1 AND 1000", name="tasks"),
        CheckConstraint("length(state_reason) BETWEEN 1 AND 1000", name="state_reason"),
        CheckConstraint("(state = 'ACTIVE') = (state_reason IS NULL)", name="state_has_reason"),
        CheckConstraint("expires_on > valid_from", name="expires_on"),
        CheckConstraint("privilege <> 'CERTIFYING_STAFF' OR licence_id IS NOT NULL", name="licence"),
        ForeignKeyConstraint(["org_id", "user_id"], ["memberships.org_id", "memberships.user_id"]),
        ForeignKeyConstraint(
            ["org_id", "user_id", "licence_id"], ["licences.org_id", "licences.user_id", "licences.id"]
        ),
        UniqueConstraint("org_id", "number"),
        Index("ix_authorisations_org_id_user_id_privilege_id", "org_id", "user_id", "privilege", "id"),
        Index("ix_authorisations_org_id_privilege_id", "org_id", "privilege", "id"),
        Index("ix_authorisations_org_id_state_id", "org_id", "state", "id"),
        Index("ix_authorisations_org_id_licence_id_id", "org_id", "licence_id", "id"),
        Index("ix_authorisations_org_id_valid_from_id", "org_id", "valid_from", "id"),
        Index("ix_authorisations_org_id_expires_on_id", "org_id", "expires_on", "id"),
        Index("ix_authorisations_org_id_created_at_id", "org_id", "created_at", "id"),
        search_index("authorisations"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    user_id: Mapped[UUID]
    number: Mapped[str]
    privilege: Mapped[str]
    tasks: Mapped[str | None]
    licence_id: Mapped[UUID | None]
    valid_from: Mapped[date]
    expires_on: Mapped[date | None]
    state: Mapped[str] = mapped_column(default=AuthorisationState.ACTIVE, server_default=AuthorisationState.ACTIVE)
    state_reason: Mapped[str | None]
    issuer_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    search_text: Mapped[str | None] = searched("number", "tasks")


class AuthorisationType(Base):
    """A type of aircraft in the scope of an authorisation; one without any is for all types.

    Deleting the type is refused: an authorisation must not become one for all.
    """

    __tablename__ = "authorisation_types"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "authorisation_id"], ["authorisations.org_id", "authorisations.id"]),
        ForeignKeyConstraint(["org_id", "aircraft_type_id"], ["aircraft_types.org_id", "aircraft_types.id"]),
        Index("ix_authorisation_types_org_id_aircraft_type_id", "org_id", "aircraft_type_id", "authorisation_id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    authorisation_id: Mapped[UUID] = mapped_column(primary_key=True)
    aircraft_type_id: Mapped[UUID] = mapped_column(primary_key=True)


class AuthorisationCourse(Base):
    """A course without which an authorisation is not effective."""

    __tablename__ = "authorisation_courses"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "authorisation_id"], ["authorisations.org_id", "authorisations.id"]),
        ForeignKeyConstraint(["org_id", "course_id"], ["courses.org_id", "courses.id"]),
        Index("ix_authorisation_courses_org_id_course_id", "org_id", "course_id", "authorisation_id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    authorisation_id: Mapped[UUID] = mapped_column(primary_key=True)
    course_id: Mapped[UUID] = mapped_column(primary_key=True)

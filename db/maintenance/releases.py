"""Certificates: releases of aircraft and components, their number series, revocations and signing keys."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin, one_of


class CertificateForm(StrEnum):
    """A CRS releases an aircraft (145.A.50; 14 CFR 43.9, 43.11); the other two release a component."""

    CRS = "CRS"
    EASA_FORM_1 = "EASA_FORM_1"
    FAA_8130_3 = "FAA_8130_3"


class ReleaseStatus(StrEnum):
    ISSUED = "ISSUED"
    REVOKED = "REVOKED"
    SUPERSEDED = "SUPERSEDED"


class ComponentWork(StrEnum):
    """Block 11 of a Form 1 for maintenance (Part-M Appendix II, 5.): no other words are permitted there."""

    OVERHAULED = "OVERHAULED"
    REPAIRED = "REPAIRED"
    INSPECTED_TESTED = "INSPECTED_TESTED"
    MODIFIED = "MODIFIED"


class SigningKeyOrigin(StrEnum):
    OWN_CA = "OWN_CA"
    IMPORTED = "IMPORTED"


class NumberSeries(TenantMixin, TimestampMixin, Base):
    """The numbers of one form, and what stands at the head of its certificates.

    `last_number` is raised by the transaction that uses the number, which holds the row's lock until it commits:
    a release that is refused or fails leaves no gap. `version` counts changes of the settings, not of the number.
    """

    __tablename__ = "number_series"
    __table_args__ = (
        one_of("form", CertificateForm),
        CheckConstraint("prefix ~ '^([A-Z]|[A-Z0-9][A-Z0-9-]*[A-Z-])$' AND length(prefix) <= 20", name="prefix"),
        CheckConstraint("digits BETWEEN 1 AND 9", name="digits"),
        CheckConstraint("last_number >= 0", name="last_number"),
        CheckConstraint("length(organization_name) BETWEEN 1 AND 200", name="organization_name"),
        CheckConstraint("length(address) BETWEEN 1 AND 500", name="address"),
        CheckConstraint("length(authority) BETWEEN 1 AND 200", name="authority"),
        CheckConstraint("length(approval_reference) BETWEEN 1 AND 50", name="approval_reference"),
        ForeignKeyConstraint(["org_id", "logo_id"], ["documents.org_id", "documents.id"]),
        UniqueConstraint("org_id", "form"),
        UniqueConstraint("org_id", "prefix"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    form: Mapped[str]
    prefix: Mapped[str]
    digits: Mapped[int] = mapped_column(default=6, server_default="6")
    last_number: Mapped[int] = mapped_column(default=0, server_default="0")
    organization_name: Mapped[str]
    address: Mapped[str]
    authority: Mapped[str]
    approval_reference: Mapped[str]
    logo_id: Mapped[UUID | None]


class Release(TenantMixin, Base):
    """A certificate. Its content is frozen when it is issued: grants and a trigger let only `status` leave ISSUED,
    once, and `document_id` be set, once.

    The token is printed in the QR code. The public page finds a certificate by the token's digest, so that the time
    of its look-up tells nothing of a token, and may read nothing else of the row but number and status.
    """

    __tablename__ = "releases"
    __table_args__ = (
        one_of("form", CertificateForm),
        one_of("status", ReleaseStatus),
        one_of("work", ComponentWork),
        CheckConstraint(
            "(form = 'CRS' AND aircraft_id IS NOT NULL AND work_order_id IS NOT NULL AND component_id IS NULL"
            " AND work IS NULL) OR (form <> 'CRS' AND component_id IS NOT NULL AND work IS NOT NULL)",
            name="subject",
        ),
        CheckConstraint("total_minutes >= 0 AND total_cycles >= 0", name="totals"),
        CheckConstraint("length(number) BETWEEN 2 AND 30", name="number"),
        CheckConstraint("length(token) >= 22 AND length(token_digest) = 32", name="token"),
        CheckConstraint("length(limitations) BETWEEN 1 AND 4000", name="limitations"),
        CheckConstraint("length(incomplete_work) BETWEEN 1 AND 4000", name="incomplete_work"),
        CheckConstraint("length(remarks) BETWEEN 1 AND 4000", name="remarks"),
        ForeignKeyConstraint(["org_id", "aircraft_id"], ["aircraft.org_id", "aircraft.id"]),
        ForeignKeyConstraint(["org_id", "component_id"], ["components.org_id", "components.id"]),
        ForeignKeyConstraint(["org_id", "work_order_id"], ["work_orders.org_id", "work_orders.id"]),
        ForeignKeyConstraint(["org_id", "signatory_id"], ["memberships.org_id", "memberships.user_id"]),
        ForeignKeyConstraint(["org_id", "authorisation_id"], ["authorisations.org_id", "authorisations.id"]),
        ForeignKeyConstraint(["org_id", "document_id"], ["documents.org_id", "documents.id"]),
        ForeignKeyConstraint(["org_id", "supersedes_id"], ["releases.org_id", "releases.id"]),
        UniqueConstraint("org_id", "number"),
        UniqueConstraint("org_id", "supersedes_id"),
        UniqueConstraint("token_digest"),
        Index(
            "uq_releases_work_order",
            "org_id",
            "work_order_id",
            unique=True,
            postgresql_where=text("form = 'CRS' AND status = 'ISSUED'"),
        ),
        Index("ix_releases_without_document", "created_at", postgresql_where=text("document_id IS NULL")),
        Index("ix_releases_org_id_number_id", "org_id", "number", "id"),
        Index("ix_releases_org_id_form_id", "org_id", "form", "id"),
        Index("ix_releases_org_id_status_id", "org_id", "status", "id"),
        Index("ix_releases_org_id_aircraft_id_id", "org_id", "aircraft_id", "id"),
        Index("ix_releases_org_id_component_id_id", "org_id", "component_id", "id"),
        Index("ix_releases_org_id_work_order_id_id", "org_id", "work_order_id", "id"),
        Index("ix_releases_org_id_work_id", "org_id", "work", "id"),
        Index("ix_releases_org_id_signatory_id_id", "org_id", "signatory_id", "id"),
        Index("ix_releases_org_id_authorisation_id_id", "org_id", "authorisation_id", "id"),
        Index("ix_releases_org_id_document_id_id", "org_id", "document_id", "id"),
        Index("ix_releases_org_id_released_on_id", "org_id", "released_on", "id"),
        Index("ix_releases_org_id_created_at_id", "org_id", "created_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    number: Mapped[str]
    form: Mapped[str]
    status: Mapped[str] = mapped_column(default=ReleaseStatus.ISSUED, server_default=ReleaseStatus.ISSUED)
    aircraft_id: Mapped[UUID | None]
    component_id: Mapped[UUID | None]
    work_order_id: Mapped[UUID | None]
    work: Mapped[str | None]
    signatory_id: Mapped[UUID]
    authorisation_id: Mapped[UUID]
    released_on: Mapped[date]
    total_minutes: Mapped[int]
    total_cycles: Mapped[int]
    limitations: Mapped[str | None]
    incomplete_work: Mapped[str | None]
    remarks: Mapped[str | None]
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    token: Mapped[str]
    token_digest: Mapped[bytes] = mapped_column(LargeBinary)
    supersedes_id: Mapped[UUID | None]
    document_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ReleaseRevocation(TenantMixin, Base):
    """The later record that revokes a certificate: at most one each, and it stays."""

    __tablename__ = "release_revocations"
    __table_args__ = (
        CheckConstraint("length(reason) BETWEEN 1 AND 1000", name="reason"),
        ForeignKeyConstraint(["org_id", "release_id"], ["releases.org_id", "releases.id"]),
        UniqueConstraint("org_id", "release_id"),
        Index("ix_release_revocations_org_id_release_id_id", "org_id", "release_id", "id"),
        Index("ix_release_revocations_org_id_revoked_by_id_id", "org_id", "revoked_by_id", "id"),
        Index("ix_release_revocations_org_id_created_at_id", "org_id", "created_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    release_id: Mapped[UUID]
    revoked_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class SigningKey(TenantMixin, Base):
    """A key that signs PDFs; the one that is not retired is used.

    `sealed` holds the private keys (the signer's, and the own CA's) as `runtime.sealing` encrypts them, bound to this
    row's organization and id: what is copied to another row cannot be opened there.
    """

    __tablename__ = "signing_keys"
    __table_args__ = (
        one_of("origin", SigningKeyOrigin),
        Index("uq_signing_keys_current", "org_id", unique=True, postgresql_where=text("retired_at IS NULL")),
        Index("ix_signing_keys_org_id_valid_until_id", "org_id", "valid_until", "id"),
        Index("ix_signing_keys_org_id_created_at_id", "org_id", "created_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    origin: Mapped[str]
    subject: Mapped[str]
    fingerprint: Mapped[str]
    certificate: Mapped[str]
    chain: Mapped[str]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    retired_at: Mapped[datetime | None]

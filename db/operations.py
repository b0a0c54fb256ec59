"""Trusted documents: the operations that `opsgraph operations push` registered. Global, like the schema."""

from datetime import datetime

from sqlalchemy import CheckConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class Operation(Base):
    """Everyone reads them; only the system role (the command line) adds any."""

    __tablename__ = "operations"
    __table_args__ = (
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
        CheckConstraint("length(name) BETWEEN 1 AND 200", name="name"),
    )

    sha256: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    document: Mapped[str]
    registered_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

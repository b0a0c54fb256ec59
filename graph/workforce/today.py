"""The organization's local date inside SQL expressions."""

from typing import Any

from sqlalchemy import Date, func, select

from graph.compiler.projection import ActorBinds


def today(actor: ActorBinds) -> Any:
    """A sub-select that names no row: PostgreSQL runs it once a statement."""
    return select(func.local_today(actor.org_id, type_=Date)).scalar_subquery()

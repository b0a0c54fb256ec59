"""Courses, training, licences and authorisations, made by the domain commands."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from itertools import count
from typing import Any
from uuid import UUID

from db.session import Database
from db.workforce.authorisations import Privilege
from domain.context import Actor
from domain.workforce import authorisations, courses, experience, licences, training_records
from domain.workforce.rules.months import add_months
from tests.factories import files
from tests.factories.fleet import command

_numbers = count(1)


async def course(db: Database, actor: Actor, **values: Any) -> UUID:
    number = next(_numbers)
    defaults: dict[str, Any] = {"code": f"C{number}", "name": f"Course {number}", "validity_months": 24}
    async with command(db, actor) as ctx:
        return await courses.create(ctx, **(defaults | values))


async def training(db: Database, actor: Actor, user_id: UUID, course_id: UUID, **values: Any) -> UUID:
    evidence_id = values.pop("evidence_id", None) or await files.document(db, actor)
    defaults: dict[str, Any] = {"completed_on": datetime.now(UTC).date()}
    async with command(db, actor) as ctx:
        return await training_records.record(
            ctx, user_id=user_id, course_id=course_id, evidence_id=evidence_id, **(defaults | values)
        )


async def licence(db: Database, actor: Actor, user_id: UUID, **values: Any) -> UUID:
    defaults: dict[str, Any] = {"authority": "EASA DE", "number": f"DE.66.{next(_numbers)}", "categories": "B1.1, C"}
    async with command(db, actor) as ctx:
        return await licences.create(ctx, user_id=user_id, **(defaults | values))


async def authorisation(db: Database, actor: Actor, user_id: UUID, **values: Any) -> UUID:
    """An authorisation, of a mechanic unless `privilege` is given; certifying staff get a licence."""
    defaults: dict[str, Any] = {
        "number": f"A{next(_numbers)}",
        "privilege": Privilege.MECHANIC,
        "valid_from": date(2020, 1, 1),
    }
    given = defaults | values
    if given["privilege"] is Privilege.CERTIFYING_STAFF and "licence_id" not in given:
        given["licence_id"] = await licence(db, actor, user_id)
    async with command(db, actor) as ctx:
        return await authorisations.issue(ctx, user_id=user_id, **given)


async def experienced(db: Database, actor: Actor, user_id: UUID, types: Iterable[UUID | None], months: int = 8) -> None:
    """Work in each of the last `months` months, this one included."""
    today = datetime.now(UTC).date()
    days = [add_months(today, -back) for back in range(months)]
    async with command(db, actor) as ctx:
        for kind in types:
            await experience.state(ctx, user_id=user_id, days=days, aircraft_type_id=kind, source="Former employer")


async def certifying_staff(db: Database, actor: Actor, user_id: UUID, type_id: UUID) -> UUID:
    """An effective authorisation to release aircraft of a type."""
    await experienced(db, actor, user_id, [type_id])
    return await authorisation(db, actor, user_id, privilege=Privilege.CERTIFYING_STAFF, aircraft_type_ids=[type_id])

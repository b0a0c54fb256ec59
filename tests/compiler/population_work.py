"""Work orders, task cards, sign-offs, defects and deferrals of the population, in all their states."""

import random
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from db.maintenance.defects import Defect, Deferral, MelCategory
from db.maintenance.directives import Directive
from db.maintenance.programme import ProgrammeTask
from db.maintenance.task_cards import SignOff, SignOffKind, TaskCard, TaskCardStatus
from db.maintenance.work_orders import WorkOrder, WorkOrderStatus
from db.workforce.authorisations import Authorisation
from tests.compiler.population import NAMES, START, moment, stamped, uid

WORK_ORDER, CARD, SIGN_OFF, DEFECT, DEFERRAL = range(60, 65)
FIRST = date(2026, 1, 28)


async def work(connection: AsyncConnection, org: UUID, index: int) -> None:
    """Of the first aircraft; what cards are made from, and authorisations, are those that are there already."""
    rng = random.Random(index)
    users = [uid(0, 1, number) for number in range(index * 6, index * 6 + 8)]
    aircraft = [uid(index, 7, n) for n in range(4)]
    known = [
        (await connection.scalars(sa.select(model.id).where(model.org_id == org).order_by(model.id))).all()
        for model in (ProgrammeTask, Directive, Authorisation)
    ]
    orders = [_work_order(rng, org, index, n, aircraft[n % 4], [None, *users]) for n in range(9)]
    await add(connection, WorkOrder, orders)
    defects = [_defect(rng, org, index, n, aircraft[n % 4], [None, *users]) for n in range(12)]
    await add(connection, Defect, defects)
    cards = [_card(rng, org, index, n, orders[n % 6], [None, *users]) for n in range(24)]
    for card, (name, ids) in zip(cards[18:], [("task_id", known[0]), ("directive_id", known[1])] * 3, strict=True):
        card[name] = ids[0] if ids and card["status"] in ("CLOSED", "CANCELLED") else None
    for n in range(3):
        cards[n]["defect_id"] = defects[n]["id"] if cards[n]["aircraft_id"] == defects[n]["aircraft_id"] else None
    await add(connection, TaskCard, cards)
    found_on = sa.update(Defect).where(Defect.org_id == org)
    for n in (4, 5):
        await connection.execute(
            found_on.where(Defect.id == defects[n]["id"], Defect.aircraft_id == cards[n]["aircraft_id"]).values(
                task_card_id=cards[n]["id"]
            )
        )
    await add(connection, SignOff, [_sign_off(rng, org, index, n, users, known[2]) for n in range(30)])
    deferred = [defect for defect in defects if defect["status"] != "OPEN"]
    deferrals = [_deferral(rng, org, index, n, defect, users, known[2]) for n, defect in enumerate(deferred)]
    await add(connection, Deferral, deferrals)


async def add(connection: AsyncConnection, model: Any, rows: list[dict[str, Any]]) -> None:
    await connection.execute(sa.insert(model.__table__), rows)


def _work_order(
    rng: random.Random, org: UUID, index: int, n: int, aircraft: UUID, users: list[UUID | None]
) -> dict[str, Any]:
    status = list(WorkOrderStatus)[n % len(WorkOrderStatus)]
    start = rng.choice([None, FIRST])
    return {
        "id": uid(index, WORK_ORDER, n),
        "org_id": org,
        "number": n + 1,
        "aircraft_id": aircraft,
        "title": rng.choice(NAMES),
        "description": rng.choice([None, "line\nbreak", "日本"]),
        "status": status,
        "planned_start_on": start,
        "planned_end_on": start and start + timedelta(days=n),
        "creator_id": rng.choice(users),
        "cancellation_reason": "no slot" if status == WorkOrderStatus.CANCELLED else None,
        "released_at": moment(rng) if status in (WorkOrderStatus.RELEASED, WorkOrderStatus.CLOSED) else None,
        **stamped(rng),
    }


def _card(
    rng: random.Random, org: UUID, index: int, n: int, order: dict[str, Any], users: list[UUID | None]
) -> dict[str, Any]:
    status = list(TaskCardStatus)[n % len(TaskCardStatus)]
    return {
        "id": uid(index, CARD, n),
        "org_id": org,
        "work_order_id": order["id"],
        "aircraft_id": order["aircraft_id"],
        "number": n // 6 + 1,
        "title": rng.choice(NAMES),
        "reference": rng.choice([None, "AMM 32-41", 'said "so"']),
        "instructions": rng.choice([None, "a\nb"]),
        "inspection_required": status == TaskCardStatus.INSPECTED or rng.choice([True, False]),
        "status": status,
        "incomplete": status == TaskCardStatus.CLOSED and rng.choice([True, False]),
        "assignee_id": rng.choice(users),
        "task_id": None,
        "directive_id": None,
        "defect_id": None,
        "cancellation_reason": "not needed" if status == TaskCardStatus.CANCELLED else None,
        **stamped(rng),
    }


def _sign_off(
    rng: random.Random, org: UUID, index: int, n: int, users: list[UUID], authorisations: Any
) -> dict[str, Any]:
    card = n % 20
    return {
        "id": uid(index, SIGN_OFF, n),
        "org_id": org,
        "task_card_id": uid(index, CARD, card),
        "kind": SignOffKind.CLOSURE if n < 5 else list(SignOffKind)[n % 3],
        "signatory_id": rng.choice(users),
        "authorisation_id": rng.choice(authorisations),
        "note": rng.choice(["done", "a\nb"]),
        "total_minutes": rng.choice([0, 754_321]),
        "total_cycles": rng.choice([0, 400]),
        "signed_on": FIRST + timedelta(days=rng.randint(0, 3)),
        "signed_at": START + timedelta(hours=rng.randint(0, 40)),
    }


def _defect(
    rng: random.Random, org: UUID, index: int, n: int, aircraft: UUID, users: list[UUID | None]
) -> dict[str, Any]:
    status = ["OPEN", "DEFERRED", "RECTIFIED", "DEFERRED"][n % 4]
    found = FIRST + timedelta(days=rng.randint(0, 3))
    return {
        "id": uid(index, DEFECT, n),
        "org_id": org,
        "number": n + 1,
        "aircraft_id": aircraft,
        "description": rng.choice(NAMES),
        "ata_chapter": rng.choice([None, "32", "32-41", "21-00-01"]),
        "status": status,
        "found_on": found,
        "reporter_id": rng.choice(users),
        "rectified_on": found + timedelta(days=rng.randint(0, 3)) if status == "RECTIFIED" else None,
        **stamped(rng),
    }


def _deferral(
    rng: random.Random, org: UUID, index: int, n: int, defect: dict[str, Any], users: list[UUID], authorisations: Any
) -> dict[str, Any]:
    category = list(MelCategory)[n % 4]
    days = {MelCategory.A: rng.choice([None, 5]), MelCategory.B: 3, MelCategory.C: 10, MelCategory.D: 120}[category]
    extended = category != MelCategory.A and n % 3 == 0
    due_on = None if days is None else defect["found_on"] + timedelta(days=days + (2 if extended else 0))
    return {
        "id": uid(index, DEFERRAL, n),
        "org_id": org,
        "defect_id": defect["id"],
        "aircraft_id": defect["aircraft_id"],
        "category": category,
        "mel_item": rng.choice(["32-41-01", "日本"]),
        "limitations": rng.choice([None, "day\nVFR"]),
        "interval_days": days,
        "deferred_on": defect["found_on"],
        # Some of them end long after whenever this runs.
        "due_on": due_on and due_on + timedelta(days=rng.choice([0, 36_500])),
        "due_minutes": 60 if category == MelCategory.A else None,
        "due_cycles": rng.choice([None, 1]) if category == MelCategory.A else None,
        "signatory_id": rng.choice(users),
        "authorisation_id": rng.choice(authorisations),
        "extension_days": 2 if extended else None,
        "extension_reason": "no spare" if extended else None,
        "extended_on": defect["found_on"] if extended else None,
        "extender_id": users[0] if extended else None,
        "extended_authorisation_id": authorisations[0] if extended else None,
        "ended_on": defect["rectified_on"],
        **stamped(rng),
    }

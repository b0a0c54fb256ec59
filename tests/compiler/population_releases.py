"""Number series, certificates, revocations and signing keys of the population, in all their states."""

import random
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from db.files.documents import Document
from db.fleet.components import Component
from db.identity.memberships import Membership
from db.maintenance.releases import (
    CertificateForm,
    ComponentWork,
    NumberSeries,
    Release,
    ReleaseRevocation,
    ReleaseStatus,
    SigningKey,
    SigningKeyOrigin,
)
from db.maintenance.work_orders import WorkOrder
from db.workforce.authorisations import Authorisation
from tests.compiler.population import NAMES, moment, stamped, uid

RELEASE, REVOCATION, SERIES, KEY = range(65, 69)


async def releases(connection: AsyncConnection, org: UUID, index: int) -> None:
    """Of what is there already: aircraft, components, work orders, authorisations and documents."""
    rng = random.Random(index)

    async def known(model: Any, column: Any) -> list[Any]:
        return list((await connection.scalars(sa.select(column).where(model.org_id == org).order_by(column))).all())

    people, papers = await known(Membership, Membership.user_id), await known(Document, Document.id)
    rows = (
        await connection.execute(sa.select(WorkOrder.id, WorkOrder.aircraft_id).where(WorkOrder.org_id == org))
    ).all()
    orders = sorted((row.id, row.aircraft_id) for row in rows)
    parts, signed_by = await known(Component, Component.id), await known(Authorisation, Authorisation.id)
    await _add(connection, NumberSeries, [_series(rng, org, index, n, [None, *papers]) for n in range(3)])
    made = [
        _release(rng, org, index, n, rng.choice(people), rng.choice(signed_by), [None, *papers], orders, parts)
        for n in range(12)
    ]
    await _add(connection, Release, made)
    revoked = [row for row in made if row["status"] == ReleaseStatus.REVOKED]
    users = [uid(0, 1, number) for number in range(index * 6, index * 6 + 8)]
    await _add(
        connection,
        ReleaseRevocation,
        [
            {
                "org_id": org,
                "id": uid(index, REVOCATION, n),
                "release_id": row["id"],
                "revoked_by_id": rng.choice(users),
                "reason": rng.choice(NAMES),
                "created_at": moment(rng),
            }
            for n, row in enumerate(revoked)
        ],
    )
    await _add(connection, SigningKey, [_key(rng, org, index, n) for n in range(3)])


async def _add(connection: AsyncConnection, model: Any, rows: list[dict[str, Any]]) -> None:
    await connection.execute(sa.insert(model.__table__), rows)


def _series(rng: random.Random, org: UUID, index: int, n: int, papers: list[Any]) -> dict[str, Any]:
    form = list(CertificateForm)[n]
    return {
        "org_id": org,
        "id": uid(index, SERIES, n),
        "form": form,
        "prefix": f"{'CEF'[n]}-",
        "digits": n + 1,
        "last_number": n * 7,
        "organization_name": rng.choice(NAMES),
        "address": "line\nbreak",
        "authority": "EASA / Portugal",
        "approval_reference": "PT.145.0123",
        "logo_id": rng.choice(papers),
        **stamped(rng),
    }


def _release(
    rng: random.Random,
    org: UUID,
    index: int,
    n: int,
    signatory: UUID,
    authorisation: UUID,
    papers: list[Any],
    orders: list[tuple[UUID, UUID]],
    parts: list[UUID],
) -> dict[str, Any]:
    """Each second one of an aircraft. The last of each work order is the one in force."""
    form = CertificateForm.CRS if n % 2 == 0 or not parts else list(CertificateForm)[1 + n % 4 // 2]
    order, aircraft = orders[n % len(orders)]
    of_aircraft = form is CertificateForm.CRS
    status = list(ReleaseStatus)[n % 3] if n >= 2 else ReleaseStatus.SUPERSEDED
    return {
        "org_id": org,
        "id": uid(index, RELEASE, n),
        "number": f"{form.value[0]}-{n % 7}{n}",
        "form": form,
        "status": status,
        "aircraft_id": aircraft if of_aircraft else None,
        "component_id": None if of_aircraft else parts[n % len(parts)],
        "work_order_id": order if of_aircraft else rng.choice([None, order]),
        "work": None if of_aircraft else list(ComponentWork)[n % 4],
        "signatory_id": signatory,
        "authorisation_id": authorisation,
        "released_on": date(2026, 1, 30) + timedelta(days=n % 3),
        "total_minutes": n * 61,
        "total_cycles": n % 4,
        "limitations": rng.choice([None, "No RVSM"]),
        "incomplete_work": rng.choice([None, *NAMES]),
        "remarks": rng.choice([None, "line\nbreak"]),
        "content": {"number": n, "name": rng.choice(NAMES), "none": None},
        "token": f"token-of-certificate-{index}-{n}",
        "token_digest": bytes([index, n] * 16),
        "supersedes_id": uid(index, RELEASE, n - 2) if n in (2, 3) else None,
        "document_id": rng.choice(papers),
        "created_at": moment(rng),
    }


def _key(rng: random.Random, org: UUID, index: int, n: int) -> dict[str, Any]:
    return {
        "org_id": org,
        "id": uid(index, KEY, n),
        "origin": list(SigningKeyOrigin)[n % 2],
        "subject": f"CN={rng.choice(NAMES)}",
        "fingerprint": f"{n:064x}",
        "certificate": "-----BEGIN CERTIFICATE-----\n",
        "chain": "",
        "sealed": b"\x01",
        "valid_from": moment(rng),
        "valid_until": moment(rng) + timedelta(days=365 * n),
        "created_at": moment(rng),
        "retired_at": moment(rng) if n else None,
    }

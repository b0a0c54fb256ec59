"""The demo: two organizations with people and departments, made by the commands that everybody uses.

Loading it again changes nothing.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module, util
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from db.identity.departments import DepartmentRole
from db.identity.memberships import Membership
from db.identity.organizations import OrganizationKind
from db.session import Database
from domain.context import Actor, Ctx
from domain.identity import departments, memberships, organizations, passwords, users
from domain.identity.gate import Gate
from domain.identity.limits import Limiter
from domain.identity.rules.roles import OWNER
from domain.identity.tenancy import EVERYTHING
from runtime.settings import Settings

PASSWORD = "wind-tunnel-biscuit-41"  # noqa: S105 - printed at every start of a demo, no secret

# Rooms that add to the demo, in the order in which they need each other.
ROOMS = ("fleet", "workforce", "maintenance", "quality", "collaboration")

Load = Callable[[Database, Actor], Awaitable[None]]


@dataclass(frozen=True)
class DemoPerson:
    name: str
    email: str
    roles: tuple[str, ...]
    places: tuple[tuple[str, DepartmentRole], ...] = ()


@dataclass(frozen=True)
class DemoOrganization:
    slug: str
    name: str
    kind: OrganizationKind
    time_zone: str
    departments: tuple[tuple[str, str], ...]
    people: tuple[DemoPerson, ...]


LEAD, MEMBER, VIEWER = DepartmentRole.LEAD, DepartmentRole.MEMBER, DepartmentRole.VIEWER

SKYLINE = DemoOrganization(
    "skyline-maintenance",
    "Skyline Maintenance",
    OrganizationKind.AMO,
    "Europe/Lisbon",
    (
        ("Base maintenance", "Heavy checks in hangar 2."),
        ("Line maintenance", "Transit and daily checks on the apron."),
        ("Planning", "Maintenance programme, forecasts and utilisation."),
        ("Quality", "Compliance monitoring and audits."),
        ("Stores", "Parts, tools and consumables."),
    ),
    (
        DemoPerson("Marta Ferreira", "owner@skyline.example", (OWNER,), (("Quality", VIEWER),)),
        DemoPerson("Oskar Lindqvist", "planner@skyline.example", ("PLANNING_ENGINEER",), (("Planning", LEAD),)),
        DemoPerson(
            "Aisha Bello",
            "engineer@skyline.example",
            ("CERTIFYING_ENGINEER",),
            (("Base maintenance", LEAD), ("Line maintenance", MEMBER)),
        ),
        DemoPerson(
            "Ingrid Solberg", "inspector@skyline.example", ("CERTIFYING_TECHNICIAN",), (("Base maintenance", MEMBER),)
        ),
        DemoPerson(
            "Rui Almeida", "certifier@skyline.example", ("CERTIFYING_TECHNICIAN",), (("Line maintenance", LEAD),)
        ),
        DemoPerson("Tomás Rocha", "technician@skyline.example", ("TECHNICIAN",), (("Line maintenance", MEMBER),)),
        DemoPerson("Helen Marsh", "quality@skyline.example", ("QUALITY_MANAGER",), (("Quality", LEAD),)),
        DemoPerson("Jun Watanabe", "stores@skyline.example", ("STORES",), (("Stores", LEAD),)),
    ),
)
HARBOUR = DemoOrganization(
    "harbour-aviation",
    "Harbour Aviation",
    OrganizationKind.FBO,
    "America/New_York",
    (("Ramp", "Marshalling, towing and parking."), ("Fuel", "Tanks, trucks and fuel quality.")),
    (
        DemoPerson("Diane Okafor", "owner@harbour.example", (OWNER,), (("Fuel", VIEWER),)),
        DemoPerson("Pete Sandoval", "manager@harbour.example", ("MANAGER",), (("Ramp", LEAD), ("Fuel", LEAD))),
        DemoPerson("Lucy Tran", "member@harbour.example", ("MEMBER",), (("Ramp", MEMBER),)),
        DemoPerson("Sam Adeyemi", "viewer@harbour.example", ("VIEWER",)),
        # One person in both organizations shows how switching works.
        DemoPerson("Helen Marsh", "quality@skyline.example", ("AUDITOR",)),
    ),
)


async def load(settings: Settings) -> list[dict[str, Any]]:
    """Make what is missing of the demo; returns its sign-ins: organization, email, password, roles."""
    db = Database(settings, pooled=False)
    try:
        password_hash = await passwords.hash_password(PASSWORD)
        for demo in (SKYLINE, HARBOUR):
            await _load(db, settings, demo, password_hash)
    finally:
        await db.close()
    return [
        {
            "organization": demo.slug,
            "email": person.email,
            "password": PASSWORD,
            "roles": list(person.roles),
        }
        for demo in (SKYLINE, HARBOUR)
        for person in demo.people
    ]


async def _load(db: Database, settings: Settings, demo: DemoOrganization, password_hash: str) -> None:
    gate = Gate(db, settings, Limiter())
    async with gate.transaction() as session:
        people = {
            person.email: await users.ensure_verified(
                gate,
                session,
                email=person.email,
                name=person.name,
                password_hash=password_hash,
                time_zone=demo.time_zone,
            )
            for person in demo.people
        }
        org_id = await organizations.by_slug(session, demo.slug)
        owner_id = people[demo.people[0].email]
        if org_id is None:
            org_id = await organizations.open_for(
                gate,
                session,
                owner_id,
                name=demo.name,
                kind=demo.kind,
                time_zone=demo.time_zone,
                slug=demo.slug,
            )
    owner = Actor(org_id, owner_id, EVERYTHING)
    async with db.tenant(org_id, owner_id) as session:
        # Memberships never vanish, so an organization with only its owner is one that nobody has populated.
        known = select(func.count()).select_from(Membership).where(Membership.org_id == org_id)
        if (await session.scalars(known)).one() == 1:
            await _populate(Ctx(owner, session), demo, people)
    for room in ROOMS:
        if util.find_spec(f"domain.{room}.demo"):
            load_room: Load = import_module(f"domain.{room}.demo").load
            await load_room(db, owner)


async def _populate(ctx: Ctx, demo: DemoOrganization, people: dict[str, UUID]) -> None:
    for person in demo.people[1:]:
        await memberships.add(ctx, email=person.email, name=person.name, roles=person.roles, send_mail=False)
    for name, description in demo.departments:
        department_id = await departments.create(ctx, name=name, description=description)
        for person in demo.people:
            for place, role in person.places:
                if place == name:
                    await departments.set_member(ctx, department_id, user_id=people[person.email], role=role)

"""An organization of its own for every test of the fleet."""

import pytest
from uuid_utils.compat import uuid7

from db.identity.memberships import Membership
from db.identity.organizations import Organization
from db.identity.users import User
from db.session import Database
from domain.context import Actor
from domain.permissions import Permission

EVERYTHING = frozenset(permission.value for permission in Permission)


async def new_actor(db: Database, *, time_zone: str = "UTC") -> Actor:
    """A member with every permission, in a new organization."""
    org_id, user_id = uuid7(), uuid7()
    tail = org_id.hex[-12:]
    async with db.platform() as session:
        session.add(Organization(id=org_id, slug=f"fleet-{tail}", name="Test", kind="AMO", time_zone=time_zone))
        session.add(User(id=user_id, email=f"{tail}@example.org", name="Tess Ting"))
        await session.flush()
        session.add(Membership(org_id=org_id, user_id=user_id, roles=["OWNER"]))
    return Actor(org_id, user_id, EVERYTHING)


@pytest.fixture
async def actor(db: Database) -> Actor:
    return await new_actor(db)


@pytest.fixture
async def stranger(db: Database) -> Actor:
    """Somebody in another organization."""
    return await new_actor(db)

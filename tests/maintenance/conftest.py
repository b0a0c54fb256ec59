"""An organization of its own for every test of maintenance; with a crew, also people who may sign."""

import httpx
import pytest

from db.session import Database
from runtime.settings import Settings
from tests.factories import work
from tests.factories.api import Api
from tests.factories.work import Crew
from tests.fleet.conftest import actor, api, owner, stranger

__all__ = ["actor", "api", "crew", "owner", "planner", "stranger"]


@pytest.fixture
async def crew(db: Database, settings: Settings) -> Crew:
    return await work.crew(db, settings)


@pytest.fixture
def planner(http: httpx.AsyncClient, crew: Crew) -> Api:
    """The running application, asked by the owner of the crew's organization."""
    return Api(http, crew.owner.token)

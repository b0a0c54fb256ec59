"""People of new organizations, and the application to ask."""

import httpx
import pytest

from db.session import Database
from runtime.settings import Settings
from tests.factories import identity
from tests.factories.api import Api
from tests.factories.identity import Person


@pytest.fixture
def api(http: httpx.AsyncClient) -> Api:
    return Api(http)


@pytest.fixture
async def owner(db: Database, settings: Settings) -> Person:
    return await identity.owner(db, settings)

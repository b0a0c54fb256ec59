"""The tables of certificates."""

from runtime.settings import Settings
from tests.tables import disagreements


async def test_models_and_migrations_agree(settings: Settings) -> None:
    tables = {"number_series", "releases", "release_revocations", "signing_keys"}
    assert await disagreements(settings, tables) == []

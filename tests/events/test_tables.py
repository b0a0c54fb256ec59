"""The tables of the log's archives."""

from runtime.settings import Settings
from tests.tables import disagreements


async def test_models_and_migrations_agree(settings: Settings) -> None:
    assert await disagreements(settings, {"event_archives"}) == []

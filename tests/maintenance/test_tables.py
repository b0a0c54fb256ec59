"""The tables of programmes and directives."""

from runtime.settings import Settings
from tests.tables import disagreements

TABLES = {"programmes", "programme_tasks", "aircraft_programmes", "accomplishments", "directives"}


async def test_models_and_migrations_agree(settings: Settings) -> None:
    assert await disagreements(settings, TABLES | {"directive_applicability", "directive_entries"}) == []

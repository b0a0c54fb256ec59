"""The tables of the fleet."""

from runtime.settings import Settings
from tests.tables import disagreements


async def test_models_and_migrations_agree(settings: Settings) -> None:
    assert (
        await disagreements(
            settings, {"aircraft_types", "aircraft", "utilisation_entries", "components", "installations"}
        )
        == []
    )

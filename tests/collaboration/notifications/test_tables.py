"""The tables of notifications, and the demo's."""

from db.session import Database
from domain.collaboration import notification_demo
from domain.fleet import demo
from runtime.settings import Settings
from tests.collaboration.notifications.conftest import Crew
from tests.factories.notifications import told
from tests.tables import disagreements

TABLES = {"notifications", "notification_mails", "notification_preferences", "notification_positions"}


async def test_models_and_migrations_agree(settings: Settings) -> None:
    assert await disagreements(settings, TABLES) == []


async def test_the_demo_has_something_to_tell(db: Database, crew: Crew) -> None:
    await demo.load(db, crew.boss)
    for _ in range(2):
        await notification_demo.load(db, crew.boss)
    found = sorted((row.kind, row.user_id) for row in await told(db, crew.org_id))
    status = ("AIRCRAFT_STATUS", crew.planner.user_id)
    assert found == [status] * 4 + [("UTILISATION_CORRECTED", crew.owner.user_id)]

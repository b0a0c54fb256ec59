"""What the demo tells its people."""

from db.session import Database
from domain.collaboration import notification_demo
from domain.fleet import demo
from tests.collaboration.notifications.conftest import Crew
from tests.factories.notifications import told


async def test_the_demo_has_something_to_tell(db: Database, crew: Crew) -> None:
    await demo.load(db, crew.boss)
    for _ in range(2):
        await notification_demo.load(db, crew.boss)
    found = sorted((row.kind, row.user_id) for row in await told(db, crew.org_id))
    status = ("AIRCRAFT_STATUS", crew.planner.user_id)
    assert found == [status] * 4 + [("UTILISATION_CORRECTED", crew.owner.user_id)]

"""What happens between the people of the demo."""

from db.session import Database
from domain.collaboration import feed_demo, notification_demo
from domain.context import Actor


async def load(db: Database, actor: Actor) -> None:
    """Each part makes what is missing of it."""
    await feed_demo.load(db, actor)
    await notification_demo.load(db, actor)

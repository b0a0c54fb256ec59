"""A believable feed for the demo, made by the commands."""

from dataclasses import replace

from sqlalchemy import select

from db.collaboration.feed import FeedMessage
from db.identity.departments import Department
from db.identity.organizations import Organization
from db.identity.users import User
from db.session import Database
from domain.collaboration import feed
from domain.context import Actor, Ctx

# Who, where (a department, or the whole organization), what. People and departments that are not there are left out,
# so that each organization gets its own.
MESSAGES = (
    (
        "owner@skyline.example",
        None,
        "Welcome to the feed. What concerns everybody goes here, the rest to your department.",
    ),
    ("planner@skyline.example", "Planning", "The forecast for the next quarter is out; two A-checks fall together."),
    ("engineer@skyline.example", "Line maintenance", "Stand 14 is closed until Thursday. Transit checks move to 12."),
    ("technician@skyline.example", "Line maintenance", "Noted. The ground power unit is at 12 already."),
    ("engineer@skyline.example", "Base maintenance", "The dock in hangar 2 is inspected on Monday: nothing under it."),
    ("quality@skyline.example", "Quality", "The audit of the tool store found nothing open. Thank you, Jun."),
    ("stores@skyline.example", None, "Stocktaking on Friday from 14:00: please draw what you need before."),
    ("quality@skyline.example", None, "Reminder: human factors training is due for all who certify by the 30th."),
    ("owner@harbour.example", None, "Welcome aboard. The ramp meeting is at 06:45, in the crew room."),
    ("manager@harbour.example", "Ramp", "Two jets over 40 m tonight: the east pad stays free from 21:00."),
    ("member@harbour.example", "Ramp", "Tug 3 pulls to the left; it is tagged and with the workshop."),
    ("manager@harbour.example", "Fuel", "Sump samples of tank 2 were clear and dry this morning."),
)


async def load(db: Database, actor: Actor) -> None:
    """Fill the feed of an organization in which nothing was posted; otherwise do nothing. One transaction."""
    async with db.tenant(actor.org_id, actor.user_id) as session:
        # Two loads at once would each see an empty feed: the second waits here.
        await session.execute(
            select(Organization.id).where(Organization.id == actor.org_id).with_for_update(key_share=True)
        )
        if await session.scalar(select(FeedMessage.id).limit(1)):
            return
        people = {row.email: row.id for row in await session.execute(select(User.email, User.id))}
        departments = {row.name: row.id for row in await session.execute(select(Department.name, Department.id))}
        for email, department, text in MESSAGES:
            if email in people and (department is None or department in departments):
                author = Ctx(replace(actor, user_id=people[email]), session)
                await feed.post(author, text=text, channel_id=departments.get(department or ""))

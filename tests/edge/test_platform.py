"""The edge in front of the whole platform's own schema."""

from db.session import Database
from domain.events.cursors import Cursors
from domain.events.live import LiveHub
from runtime.settings import Settings
from tests.conftest import Server
from tests.edge.streams import streaming
from tests.factories.api import connected
from tests.factories.events import write
from tests.factories.identity import owner


async def test_the_real_application(server: Server) -> None:
    async with connected(server.url) as client:
        answer = await client.post("/graphql", json={"query": "{ __schema { queryType { name } } }"})
        assert answer.json() == {"data": {"__schema": {"queryType": {"name": "Query"}}}}
        schema = (await client.get("/schema.graphql")).text
        for field in ("aircraftList", "signIn", "aircraftChanged"):
            assert field in schema
        refused = await client.post("/graphql", json={"query": "{ viewer { id } }"})
        assert refused.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_events_resume_behind_the_last_one(server: Server, settings: Settings, db: Database) -> None:
    me = await owner(db, settings)
    headers = {"authorization": f"Bearer {me.token}"}
    query = "subscription { events { event { sequence } } }"  # `cursor` is not even asked for
    async with connected(server.url) as client:
        await write(db, me.org_id)
        begin = Cursors.from_settings(settings).encode(await LiveHub(db, None).epoch(), me.org_id, 0)
        async with streaming(client, query, headers | {"last-event-id": begin}) as stream:
            first = await stream.event()
        assert first is not None
        assert first.result["data"]["events"]["event"]["sequence"] == 1
        async with streaming(client, query, headers | {"last-event-id": first.id}) as stream:
            await write(db, me.org_id)
            second = await stream.event()
        assert second is not None
        assert second.result["data"]["events"]["event"]["sequence"] == 2
        assert second.id not in ("", first.id)

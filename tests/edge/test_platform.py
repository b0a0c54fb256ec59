"""The edge in front of the whole platform's own schema."""

import httpx

from tests.conftest import Server


async def test_the_real_application(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        answer = await client.post("/graphql", json={"query": "{ __schema { queryType { name } } }"})
        assert answer.json() == {"data": {"__schema": {"queryType": {"name": "Query"}}}}
        schema = (await client.get("/schema.graphql")).text
        for field in ("aircraftList", "signIn", "aircraftChanged"):
            assert field in schema
        refused = await client.post("/graphql", json={"query": "{ viewer { id } }"})
        assert refused.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"

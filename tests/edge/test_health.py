"""What operators ask: health, readiness, metrics, schema, keys."""

import httpx

from domain.events.heartbeats import WorkerIdentity, beat, leave
from tests.edge.conftest import Person


async def test_health(client: httpx.AsyncClient) -> None:
    response = await client.get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_ready_needs_a_worker(client: httpx.AsyncClient, person: Person) -> None:
    worker = WorkerIdentity()
    before = await client.get("/ready")
    assert before.json()["checks"]["database"] == {"ok": True}
    assert before.json()["checks"]["redis"] == {"ok": True}
    if not before.json()["checks"]["worker"]["ok"]:
        assert before.status_code == 503
        assert "opsgraph worker" in before.json()["checks"]["worker"]["problem"]
    await beat(person.db, None, worker)
    after = await client.get("/ready")
    assert (after.status_code, after.json()["status"]) == (200, "ready")
    await leave(person.db, worker)


async def test_metrics(client: httpx.AsyncClient) -> None:
    await client.post("/graphql", json={"query": "{__typename}"})
    response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    assert 'opsgraph_http_requests_total{method="POST",route="/graphql",status="200"}' in response.text
    assert 'opsgraph_http_request_seconds_bucket{le="+Inf",route="/graphql"}' in response.text
    assert "opsgraph_websockets 0.0" in response.text


async def test_schema(client: httpx.AsyncClient) -> None:
    response = await client.get("/schema.graphql")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert "type Query" in response.text
    again = await client.get("/schema.graphql", headers={"if-none-match": f'"x", W/{response.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")


async def test_keys(client: httpx.AsyncClient) -> None:
    key = (await client.get("/.well-known/jwks.json")).json()["keys"][0]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
    assert "d" not in key


async def test_other_paths_explain_themselves(client: httpx.AsyncClient) -> None:
    for method, path, status in (("GET", "/nope", 404), ("GET", "/graphql/", 404), ("POST", "/health", 405)):
        response = await client.request(method, path)
        assert response.status_code == status
        assert response.json()["errors"][0]["message"].endswith(".")

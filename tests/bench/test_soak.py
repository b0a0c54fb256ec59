"""The soak bench for some seconds: the load is answered without an error, sampled and judged. Figures are no matter."""

import asyncio
import json
from typing import Any

import pytest

from bench import soak
from bench.soaking import load, report


@pytest.mark.usefixtures("shared")
def test_the_mixed_load_is_answered_without_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soak, "CURVE", (1, 4, 16))
    soak.main(["--minutes", "0.04", "--seconds", "0.2", "--interval", "0.7", "--aircraft", "400", "--json"])
    made = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)  # no NaN and no Infinity: they are no JSON
    assert [each["connections"] for each in made["curve"]] == list(soak.CURVE)
    assert made["knee"] in soak.CURVE
    assert made["verdict"]["errors"]["ok"], made["verdict"]["errors"]
    assert {"point", "list", "write", "refused", "sign-ins", "sockets"} <= set(made["counts"])
    assert len(made["samples"]) >= 2
    assert all(each["rss"] > 10 and each["database"] > 0 and each["redis"] > 0 for each in made["samples"])


async def test_a_connection_that_ends_by_what_nobody_foresaw_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the load would be lighter than it says, and nobody would know."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nno-length: 1\r\n\r\n")
        await reader.read()
        writer.close()

    told: list[dict[str, Any]] = []
    monkeypatch.setattr(load, "say", told.append)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=2**20)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await load.soak(load.Order(port, 1, 0, 0.3, 0.1, {"one": "token"}, [], {"one": ["ac_1"]}))
    assert [kind for each in told for kind in each["errors"] if kind.startswith("load: ValueError")] != []


def test_the_knee_is_where_throughput_stops_growing() -> None:
    rates = {1: 100.0, 2: 190.0, 4: 300.0, 8: 320.0, 16: 325.0, 32: 310.0}
    assert soak.knee_of([{"connections": count, "rate": rate} for count, rate in rates.items()]) == 4


def test_growth_is_told_from_noise() -> None:
    steady = [{"at": at * 10.0, "rss": 150.0 + (at % 3)} for at in range(100)]
    leaking = [{"at": at * 10.0, "rss": 150.0 + at * 0.5 + (at % 3)} for at in range(100)]
    growth, bound = report.slope(steady, "rss")
    assert abs(growth) <= bound
    growth, bound = report.slope(leaking, "rss")
    assert growth == pytest.approx(180, abs=bound)
    assert growth - bound > report.FLAT_MB_AN_HOUR

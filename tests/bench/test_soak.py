"""The soak bench for some seconds: the load is answered without an error, sampled and judged. Figures are no matter."""

import json

import pytest

from bench import soak
from bench.soaking import report


def test_the_mixed_load_is_answered_without_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    soak.main(["--minutes", "0.1", "--seconds", "0.2", "--interval", "2", "--aircraft", "400", "--json"])
    made = json.loads(capsys.readouterr().out)
    assert [each["connections"] for each in made["curve"]] == list(soak.CURVE)
    assert made["knee"] in soak.CURVE
    assert made["verdict"]["errors"]["ok"], made["verdict"]["errors"]
    assert {"point", "list", "write", "refused", "sign-ins", "sockets"} <= set(made["counts"])
    assert all(each["rss"] > 10 and each["database"] > 0 and each["redis"] > 0 for each in made["samples"])


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

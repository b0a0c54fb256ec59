"""The benchmark of growth on small tables: every shape is answered and fitted. Figures are no matter for a test."""

import json

import pytest

from bench import growth

pytestmark = pytest.mark.usefixtures("shared")


def test_every_shape_is_measured_at_every_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert growth.main(["--sizes", "40,160", "--requests", "5", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["slopes"]) == {*growth.SHAPES, *growth.COUNTING}
    assert all(set(figures) == {"40", "160"} for figures in report["latency_ms_by_size"].values())
    assert list(report["latency_ms_by_page"]) == ["10"]


def test_the_slope_is_the_exponent() -> None:
    assert growth.slope({10: 3.0, 100: 3.0, 1_000: 3.0}) == pytest.approx(0)
    assert growth.slope({10: 2.0, 100: 20.0}) == pytest.approx(1)
    assert growth.extra({10: 1.0, 110: 1.5}) == pytest.approx(5)

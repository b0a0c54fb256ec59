"""The benchmark of notifications on a small organization: everybody is told, once. Figures are no matter for a test."""

import json

import pytest

from bench import notifications

pytestmark = pytest.mark.usefixtures("shared")


def test_everybody_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--people", "30", "--events", "600", "--changes", "4", "--news", "2", "--json"]
    assert notifications.main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert [run["told"] for run in report["runs"].values()] == [0, 4 * 20, 2 * 30]

"""The benchmark of live subscriptions, small: nothing is lost or doubled, and a message is made once for all who want
it. How fast, is no matter for a test."""

import json

import pytest

from bench import live

pytestmark = pytest.mark.usefixtures("shared")


def test_every_message_arrives_once(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--loads", "20@20", "--rounds", "1", "--seconds", "0.3", "--returning", "6", "--no-knee", "--json"]
    assert live.main(given) == 0, capsys.readouterr()
    report = json.loads(capsys.readouterr().out)
    [load] = report["loads"]
    assert load["rounds"]["ours"][0]["received"] == 20 * 6
    assert load["rounds"]["ours"][0]["renders"] == 6
    assert load["ratio"] > 0
    assert report["distinct"]["renders"] == report["distinct"]["distinct"] * report["distinct"]["events"]
    assert all(back["behind"] == 0 for back in report["return"].values())
    assert report["return"]["memory"]["renders"] == live.MISSED["memory"]

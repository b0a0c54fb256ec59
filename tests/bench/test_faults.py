"""The fault bench in small, and thoroughly at its full size: servers are killed, nothing is lost or doubled."""

import json

import pytest

from bench import faults
from bench.faulting.killing import PARTS


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    code = faults.main([*arguments, "--json"])
    captured = capsys.readouterr()
    made: dict[str, object] = json.loads(captured.out or "{}")
    assert code == 0, (made.get("verdict"), made.get("counts"), captured.err)
    return made


def test_nothing_is_lost_or_doubled_when_each_part_is_killed(capsys: pytest.CaptureFixture[str]) -> None:
    made = run(capsys, "--mutations", "300", "--kills", "1", "--subscribers", "6", "--organizations", "2")
    assert [kill["part"] for kill in made["kills"]] == list(PARTS)  # type: ignore[attr-defined] # JSON
    assert made["delivered"] == made["events"] * 3  # type: ignore[operator] # JSON


def test_nothing_is_lost_or_doubled_in_the_long_run(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    if not request.config.getoption("thorough"):
        pytest.skip("takes minutes; ./opsgraph test --thorough runs it")
    made = run(capsys)
    assert len(made["kills"]) == 5 * len(PARTS)  # type: ignore[arg-type] # JSON

"""The benchmark of hostile documents, once through: everything is refused with a code. How fast, it says itself."""

import json

import pytest

from bench import hostile

pytestmark = pytest.mark.usefixtures("shared")


def test_every_hostile_document_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    hostile.main(["--rounds", "1", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert len(report["documents"]) > 30
    assert not [name for name, each in report["documents"].items() if not each["refused"]]

"""The benchmark of the import on a small fleet: it says itself what was not told, and what slipped through."""

import json

import pytest

from bench import import_
from bench.importing.workbook import DEFECTS

pytestmark = pytest.mark.usefixtures("shared")


def test_every_defect_is_told_and_a_repeated_import_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    code = import_.main(["--aircraft", "120", "--defective", str(len(DEFECTS)), "--json"])
    made = json.loads(capsys.readouterr().out)
    assert (code, made["wrong"]) == (0, [])
    assert [step["wrote"] for step in made["steps"]] == [False, False, False, True, False]
    assert made["steps"][0]["bad_rows"] == len(DEFECTS)

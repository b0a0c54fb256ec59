"""Tables of what files may be."""

import pytest

from db.files.documents import DocumentPurpose
from domain.files.rules import contents
from tests.factories.files import CONTENTS

EVIDENCE, ASSET = DocumentPurpose.EVIDENCE, DocumentPurpose.ASSET


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a.pdf", "a.pdf"),
        ("  form   one .PDF ", "form one .PDF"),
        ("C:\\Users\\me\\scan.pdf", "scan.pdf"),
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("Zu\u0308rich.pdf", "Zürich.pdf"),
        ("folder/", ""),
    ],
)
def test_clean_names(given: str, name: str) -> None:
    assert contents.clean_name(given) == name


@pytest.mark.parametrize(
    ("name", "content_type", "size", "purpose", "paths"),
    [
        ("a.pdf", "application/pdf", 1, EVIDENCE, []),
        ("A.JPEG", "image/jpeg", 25_000_000, EVIDENCE, []),
        ("a.pdf", "application/pdf", 25_000_001, EVIDENCE, ["size"]),
        ("a.pdf", "application/pdf", 0, EVIDENCE, ["size"]),
        ("logo.png", "image/png", 5_000_001, ASSET, ["size"]),
        ("logo.pdf", "application/pdf", 1, ASSET, ["contentType"]),
        ("logo.svg", "image/svg+xml", 1, ASSET, ["contentType"]),
        ("page.html", "text/html", 1, EVIDENCE, ["contentType"]),
        ("a.exe", "application/pdf", 1, EVIDENCE, ["name"]),
        ("pdf", "image/png", 1, EVIDENCE, ["name"]),
        ("", "application/pdf", 1, EVIDENCE, ["name"]),
        ("x" * 197 + ".pdf", "application/pdf", 1, EVIDENCE, ["name"]),
        ("evil\u202efdp.exe.pdf", "application/pdf", 1, EVIDENCE, ["name"]),
        ("", "text/html", -1, ASSET, ["name", "contentType", "size"]),
    ],
)
def test_what_is_announced(name: str, content_type: str, size: int, purpose: DocumentPurpose, paths: list[str]) -> None:
    found = contents.problems(name, content_type, size, purpose)
    assert [error.path for error in found] == [("input", path) for path in paths]


@pytest.mark.parametrize("content_type", CONTENTS)
def test_every_type_is_recognised_by_its_content(content_type: str) -> None:
    assert contents.content_problems(CONTENTS[content_type], content_type) == []
    assert content_type in contents.TYPES[EVIDENCE]
    other = next(each for each in CONTENTS if each != content_type)
    [problem] = contents.content_problems(CONTENTS[other], content_type)
    assert other in problem.message
    assert content_type in problem.message


@pytest.mark.parametrize(
    "data", [b"", b"<html><script>alert(1)</script>", b"MZ\x90\x00" + bytes(60), b"<svg xmlns=''/>", bytes(100)]
)
def test_what_is_something_else(data: bytes) -> None:
    [problem] = contents.content_problems(data, "application/pdf")
    assert "is of no type that is taken" in problem.message

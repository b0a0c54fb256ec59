"""The texts of the mails about accounts."""

import pytest

from domain.identity.mails import Template
from workers.identity.letters import render

VALUES = {
    "name": "Nina\nBcc: all@example.com",
    "email": "nina@example.com",
    "url": "https://ops.example",
    "organization": "Nowak & Sons",
    "token": "s3cret",
    "hours": "48",
}


@pytest.mark.parametrize("template", list(Template))
def test_every_template_renders(template: Template) -> None:
    subject, text = render(template, VALUES)
    assert subject
    assert "\n" not in subject
    assert "$" not in subject + text
    assert "Hello Nina Bcc: all@example.com,\n" in text
    assert text.endswith(".\n") or text.endswith("switch to it.\n")


def test_a_missing_value_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(KeyError):
        render(Template.VERIFY_EMAIL, {"name": "Nina"})

"""Headers as exports write them."""

import pytest

from domain.fleet.importing.columns import Field, field_of


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Reg.", Field.REGISTRATION),
        ("Tail Number", Field.REGISTRATION),
        ("A/C Reg", Field.REGISTRATION),
        ("Aircraft_Registration", Field.REGISTRATION),
        ("S/N", Field.SERIAL_NUMBER),
        ("Manufacturer's serial number", Field.SERIAL_NUMBER),
        ("TTAF", Field.HOURS),
        ("Hours (TSN)", Field.HOURS),
        ("FH [h]", Field.HOURS),
        ("CSN", Field.CYCLES),
        ("Landings", Field.CYCLES),
        ("MFG date", Field.MANUFACTURED),
        ("Home-Base", Field.BASE),
        ("Remarks", None),
        ("", None),
        (12, None),
    ],
)
def test_headers(header: object, field: Field | None) -> None:
    assert field_of(header) is field

"""Crews that may release: number series for every form, and somebody who certifies components."""

from datetime import UTC, datetime

import pytest

from db.maintenance.releases import CertificateForm
from db.session import Database
from db.workforce.authorisations import Privilege
from domain.maintenance import number_series
from tests.factories import fleet, work, workforce
from tests.factories.work import Crew

PREFIXES = {CertificateForm.CRS: "CRS-", CertificateForm.EASA_FORM_1: "F1-", CertificateForm.FAA_8130_3: "US-"}


async def set_up(db: Database, crew: Crew, *forms: CertificateForm) -> None:
    async with fleet.command(db, crew.planner) as ctx:
        for form in forms or CertificateForm:
            await number_series.set_up(
                ctx,
                form=form,
                prefix=PREFIXES[form],
                digits=4,
                organization_name="Skyline Maintenance",
                address="Hangar 4\nLisbon",
                authority="EASA / Portugal",
                approval_reference="PT.145.0123",
            )


@pytest.fixture
async def releasing(db: Database, crew: Crew) -> Crew:
    """The certifier may release aircraft of the crew's type, and components."""
    await set_up(db, crew)
    await workforce.experienced(db, crew.planner, crew.certifier.user_id, [None])
    await workforce.authorisation(
        db, crew.planner, crew.certifier.user_id, privilege=Privilege.COMPONENT_CERTIFYING, valid_from=_long_ago()
    )
    return crew


def _long_ago():
    return (datetime.now(UTC) - work.LONG_AGO).date()

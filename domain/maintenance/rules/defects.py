"""What a report of a defect may say."""

import re

from db.maintenance.defects import DefectStatus
from domain.errors import ErrorCode, refuse
from domain.maintenance.rules.steps import Step
from domain.maintenance.rules.wording import paragraphs

DEFER = Step("deferred", (DefectStatus.OPEN,), DefectStatus.DEFERRED)
RECTIFY = Step("rectified", (DefectStatus.OPEN, DefectStatus.DEFERRED), DefectStatus.RECTIFIED)

ATA = re.compile(r"\d{2}(-\d{2}){0,2}")

description = paragraphs("The description", 4_000)


def ata_chapter(text: str) -> str:
    """Chapter, section and subject of ATA iSpec 2200 (and ATA 100 before it), as in 32, 32-41 or 32-41-01."""
    found = text.strip().replace(" ", "-").replace(".", "-")
    if not ATA.fullmatch(found):
        raise refuse(ErrorCode.INVALID, f"'{text.strip()[:20]}' is no ATA chapter; write 32, 32-41 or 32-41-01.")
    return found

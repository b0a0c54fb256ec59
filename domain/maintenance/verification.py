"""Whether a certificate that somebody holds is genuine: all that the public is told of it."""

import hashlib
from datetime import timedelta
from enum import StrEnum
from hmac import compare_digest

from sqlalchemy import select

from db.maintenance.releases import Release, ReleaseStatus
from db.session import Database
from domain.identity.rules.limits import Rule

# A person who scans certificates stays far below; who guesses tokens of 192 bits gets nowhere either way.
ADDRESS = Rule("verify:address", burst=30, interval=timedelta(seconds=2))


class CertificateStatus(StrEnum):
    """What the public may know of a certificate."""

    GENUINE = "GENUINE"
    REVOKED = "REVOKED"
    SUPERSEDED = "SUPERSEDED"
    UNKNOWN = "UNKNOWN"


STATUSES = {
    ReleaseStatus.ISSUED: CertificateStatus.GENUINE,
    ReleaseStatus.REVOKED: CertificateStatus.REVOKED,
    ReleaseStatus.SUPERSEDED: CertificateStatus.SUPERSEDED,
}


def digest(token: str) -> bytes:
    """By this a certificate is found: whatever the index gives away by its time, it is not the token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


async def verify(db: Database, number: str, token: str) -> CertificateStatus:
    """Number and token must be those of one certificate; a wrong one of either is UNKNOWN, as both are."""
    wanted = digest(token)
    async with db.platform() as session:
        row = (
            await session.execute(
                select(Release.number, Release.status, Release.token_digest).where(Release.token_digest == wanted)
            )
        ).one_or_none()
    if row is None:
        return CertificateStatus.UNKNOWN
    same = compare_digest(row.token_digest, wanted) & compare_digest(
        row.number.encode(), number.strip().upper().encode("utf-8", "replace")
    )
    return STATUSES[ReleaseStatus(row.status)] if same else CertificateStatus.UNKNOWN

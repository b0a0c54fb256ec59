"""Registering trusted documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy.dialects.postgresql import insert

from db.operations import Operation
from db.session import Database
from runtime.settings import Settings


@dataclass(frozen=True)
class Document:
    """One operation with the fragments it uses, in the very text that clients hash."""

    name: str
    text: str

    @property
    def sha256(self) -> str:
        return digest(self.text)


def digest(text: str) -> str:
    """The hash by which clients name a document."""
    return sha256(text.encode()).hexdigest()


async def register(settings: Settings, documents: Sequence[Document]) -> set[str]:
    """Register all documents in one transaction; answers the hashes that are new. Again changes nothing."""
    db = Database(settings, pooled=False)
    rows = [{"sha256": item.sha256, "name": item.name, "document": item.text} for item in documents]
    new = insert(Operation).on_conflict_do_nothing().returning(Operation.sha256)
    try:
        async with db.platform() as session:
            return set(await session.scalars(new, rows)) if rows else set()
    finally:
        await db.close()

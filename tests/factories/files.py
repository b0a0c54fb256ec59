"""Documents, made as jobs make them; and contents of every type that is taken, as small as they can be."""

from uuid import UUID

from db.files.documents import DocumentPurpose
from db.session import Database
from domain.context import Actor
from domain.files import documents
from tests.factories.fleet import command

PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f873fec0070008d2037c"
    "ca88e3e40000000049454e44ae426082"
)
CONTENTS = {
    "application/pdf": PDF,
    "image/png": PNG,
    "image/jpeg": bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9"),
    "image/webp": b"RIFF\x1a\x00\x00\x00WEBPVP8L" + bytes(18),
    "image/tiff": b"II*\x00\x08\x00\x00\x00" + bytes(16),
    "image/heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(16),
}


async def document(
    db: Database, actor: Actor, name: str = "evidence.pdf", purpose: DocumentPurpose = DocumentPurpose.EVIDENCE
) -> UUID:
    async with command(db, actor) as ctx:
        return await documents.store(ctx, name=name, content_type="application/pdf", data=PDF, purpose=purpose)

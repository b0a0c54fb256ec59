"""Documents in the graph."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from db.files.documents import Document as DocumentRow
from db.files.documents import DocumentPurpose
from domain.context import Ctx
from domain.files import documents
from domain.permissions import Permission
from graph.compiler.projection import column, projection, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.mutations import mutation
from graph.events.changed import changed

describe(
    DocumentPurpose,
    "What a file is for; it decides which types and sizes are taken.",
    {
        "EVIDENCE": "Proof of something, as a scan or photograph: PDF, PNG, JPEG, WebP, TIFF or HEIC, at most 25 MB.",
        "ASSET": "The organization's own picture, as its logo: PNG, JPEG or WebP, at most 5 MB. Needs DOCUMENT_MANAGE.",
        "TEMPLATE": "A form to be filled in: PDF, PNG, JPEG or WebP, at most 10 MB. Needs DOCUMENT_MANAGE.",
        "CERTIFICATE": "Made by the platform, as a certificate's PDF; it cannot be uploaded.",
    },
)


@projection(DocumentRow, prefix="doc", requires=Permission.DOCUMENT_READ, default_order=("-createdAt",), logged=True)
class Document:
    """A file that the platform keeps. Its content never changes; `documentLink` gives an address to download it."""

    name = column("The file's name.", filter=True, order=True, search=True)
    content_type = column(
        "What it is, as its content shows: a media type as in `application/pdf`.", filter=True, order=True
    )
    size = column("How many bytes it has.", filter=True, order=True)
    sha256 = column("SHA-256 of its content, as 64 hexadecimal digits.", filter=True)
    purpose = column("What it is for.", enum=DocumentPurpose, filter=True, order=True)
    uploader = to_one("User", "Who uploaded it; null when the platform made it.", via="uploader_id", nullable=True)
    uploader_id = column("The id of who uploaded it, for filters.", id_prefix="usr", filter=True)
    created_at = column("When it was taken.", filter=True, order=True)


document = one("document", Document, "A document by id.")
document_list = many("documents", Document, "The organization's documents, newest first.")
document_aggregate = aggregate("documentAggregate", Document, "How many documents there are, and how large.")

DocumentId = Annotated[strawberry.ID, strawberry.argument(description="The document, `doc_…`.")]


@mutation(
    requires=Permission.DOCUMENT_READ,
    payload={
        "url": (
            str | None,
            "Answers GET with the content, always as a file to save, to whoever has it. Null when there are errors.",
        ),
        "expiresAt": (datetime | None, "Until when it does."),
    },
)
async def document_link(ctx: Ctx, id: DocumentId) -> dict[str, Any]:
    """A short-lived address to download a document from. Ask for one when it is about to be used."""
    link = await documents.link(ctx, ids.decode("doc", id))
    return {"url": link.url, "expiresAt": link.expires_at}


@mutation(
    requires=Permission.DOCUMENT_MANAGE,
    payload={"deletedId": (strawberry.ID | None, "The document that is gone; null when there are errors.")},
)
async def delete_document(ctx: Ctx, id: DocumentId) -> dict[str, Any]:
    """Delete a document that was uploaded by mistake. One that something refers to is kept: the error is IN_USE."""
    return {"deletedId": ids.encode("doc", await documents.delete(ctx, ids.decode("doc", id)))}


QUERIES = [document, document_list, document_aggregate]
MUTATIONS = [document_link, delete_document]
SUBSCRIPTIONS = [changed(Document)]

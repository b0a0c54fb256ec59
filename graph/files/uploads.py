"""Staged uploads in the graph: leave to upload, a plain HTTP PUT, and the document."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from db.files.documents import DocumentPurpose
from domain.context import Ctx
from domain.files import uploads
from domain.permissions import Permission
from graph.core import ids
from graph.core.mutations import mutation
from graph.files.documents import Document

PREFIX = "upl"


@strawberry.input(description="A file that is about to be uploaded.")
class StageUploadInput:
    name: str = strawberry.field(
        description="Its name with the ending of its type, as in `certificate.pdf`; at most 200 characters."
    )
    content_type: str = strawberry.field(
        description="Its media type, as in `application/pdf`, of which the content is. `purpose` says which."
    )
    size: int = strawberry.field(description="How many bytes it has, exactly; `purpose` says how many are taken.")
    purpose: DocumentPurpose = strawberry.field(description="What it is for.")


@mutation(
    requires=Permission.DOCUMENT_UPLOAD,
    payload={
        "uploadId": (strawberry.ID | None, "Complete the upload with this, `upl_…`; null when there are errors."),
        "url": (
            str | None,
            "PUT the content there by plain HTTP, whole, without a token; 200 or 204 is success. It may be repeated.",
        ),
        "expiresAt": (datetime | None, "Until when the content must be there and the upload completed."),
    },
)
async def stage_upload(ctx: Ctx, input: StageUploadInput) -> dict[str, Any]:
    """The first of three steps of an upload: say what is coming, and get an address for it. Then PUT the content
    there, and call `completeUpload`. What is not completed in 30 minutes is forgotten."""
    staged = await uploads.stage(
        ctx, name=input.name, content_type=input.content_type, size=input.size, purpose=input.purpose
    )
    return {"uploadId": ids.encode(PREFIX, staged.id), "url": staged.url, "expiresAt": staged.expires_at}


UploadId = Annotated[strawberry.ID, strawberry.argument(description="What `stageUpload` gave, `upl_…`.")]


@mutation(requires=Permission.DOCUMENT_UPLOAD, entity=("document", Document))
async def complete_upload(ctx: Ctx, id: UploadId) -> UUID:
    """The last step of an upload: the content is looked at, and is a document if it is what was announced. Completing
    it again gives the same document. Only who staged it can."""
    return await uploads.complete(ctx, ids.decode(PREFIX, id))


MUTATIONS = [stage_upload, complete_upload]

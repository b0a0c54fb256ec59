"""What has to happen to contents once a command has committed."""

from typing import Any

from domain.files.documents import FORGET
from runtime.storage import Storage
from workers.jobs import JobContext, job


@job(FORGET)
async def forget(context: JobContext, arguments: dict[str, Any]) -> None:
    """Remove the contents of a document that was deleted; what is gone already is no error."""
    store = Storage(context.settings)
    for key in arguments["keys"]:
        await store.delete(key)

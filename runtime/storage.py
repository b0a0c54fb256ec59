"""Where the content of files is: a local folder or a bucket, behind one door. It knows keys and bytes, no documents.

A bucket is written to and read from by its own signed addresses; for the folder the application serves addresses that
look the same (`graph/transfers.py`), signed here.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal
from urllib.parse import quote, urlsplit

import obstore
import orjson
from obstore.store import LocalStore, S3Store

from runtime.settings import Settings
from runtime.settings import settings as process_settings

PATH = "/files"
_PURPOSE = b"opsgraph file transfer"
Method = Literal["PUT", "GET"]


class TransferError(Exception):
    """A signed address that is not ours, or too old. The text is for who used it."""


@dataclass(frozen=True)
class Transfer:
    """What the holder of a signed address may do until `expires` (seconds since 1970): put exactly `size` bytes under
    `key`, or get what is there as a file of this name and type."""

    method: Method
    key: str
    expires: int
    size: int = 0
    name: str = ""
    content_type: str = ""


class Storage:
    """One store. `FILES_URL` names it; empty is the folder `files` below the data folder."""

    def __init__(self, settings: Settings) -> None:
        self._public_url = settings.public_url.rstrip("/")
        secret = settings.secret_key.get_secret_value()
        if not secret:
            raise ValueError("SECRET_KEY is empty, so addresses of files cannot be signed.")
        self._key = hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256)
        url = urlsplit(settings.files_url)
        self._store: LocalStore | S3Store
        if url.scheme == "s3":
            # Credentials, region and endpoint are AWS's own variables, as every tool reads them.
            self._store = S3Store.from_url(settings.files_url)
        elif url.scheme in ("", "file"):
            self._store = LocalStore(url.path or settings.data_dir / "files", mkdir=True)
        else:
            raise ValueError(f"FILES_URL begins with {url.scheme}: — use file:///folder or s3://bucket/prefix.")

    @property
    def is_local(self) -> bool:
        return isinstance(self._store, LocalStore)

    async def put(self, key: str, data: bytes, *, name: str, content_type: str) -> None:
        """Write an object; one that is there is replaced whole or not at all."""
        attributes = {"Content-Type": content_type, "Content-Disposition": disposition(name)}
        # A folder has no place for them: there they travel in the signed address.
        await obstore.put_async(self._store, key, data, attributes=None if self.is_local else attributes)

    async def size(self, key: str) -> int | None:
        """Bytes of an object; None when there is none."""
        try:
            return int((await obstore.head_async(self._store, key))["size"])
        except FileNotFoundError:
            return None

    async def read(self, key: str) -> bytes:
        """An object whole. Raises FileNotFoundError when there is none."""
        return bytes(await (await obstore.get_async(self._store, key)).bytes_async())

    async def open(self, key: str) -> tuple[int, AsyncIterator[bytes]]:
        """Bytes of an object, and its pieces. Raises FileNotFoundError when there is none."""
        found = await obstore.get_async(self._store, key)
        return int(found.meta["size"]), (bytes(piece) async for piece in found.stream())

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        with contextlib.suppress(FileNotFoundError):
            await obstore.delete_async(self._store, key)

    async def upload_url(self, key: str, size: int, now: datetime, life: timedelta) -> str:
        """An address that takes a PUT of the content until it expires."""
        if isinstance(self._store, S3Store):
            return await obstore.sign_async(self._store, "PUT", key, life)
        return self._own(Transfer("PUT", key, int((now + life).timestamp()), size=size))

    async def download_url(self, key: str, now: datetime, life: timedelta, *, name: str, content_type: str) -> str:
        """An address that gives the content, as a file to save, until it expires."""
        if isinstance(self._store, S3Store):
            return await obstore.sign_async(self._store, "GET", key, life)
        expires = int((now + life).timestamp())
        return self._own(Transfer("GET", key, expires, name=name, content_type=content_type))

    def transfer(self, token: str, method: str, now: datetime) -> Transfer:
        """What the token of an address of ours allows. Raises TransferError."""
        body, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(body.encode())):
            raise TransferError("This address was not given by the platform, or was cut: ask for a new one.")
        try:
            found = Transfer(*orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
        except (binascii.Error, ValueError, TypeError):
            raise TransferError("This address cannot be read: ask for a new one.") from None
        if found.method != method:
            raise TransferError(f"This address takes {found.method}, not {method}.")
        if found.expires < now.timestamp():
            raise TransferError("This address has expired: ask for a new one.")
        return found

    def _own(self, transfer: Transfer) -> str:
        values = [getattr(transfer, name) for name in Transfer.__dataclass_fields__]
        body = base64.urlsafe_b64encode(orjson.dumps(values)).rstrip(b"=")
        return f"{self._public_url}{PATH}/{(body + b'.' + self._sign(body)).decode()}"

    def _sign(self, body: bytes) -> bytes:
        return base64.urlsafe_b64encode(hmac.digest(self._key, body, hashlib.sha256)).rstrip(b"=")


def disposition(name: str) -> str:
    """The header that makes a browser save a file under this name (RFC 6266), whatever is in it."""
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


@lru_cache
def _storage_of(settings: Settings) -> Storage:
    return Storage(settings)


def storage() -> Storage:
    """The process's store."""
    return _storage_of(process_settings())

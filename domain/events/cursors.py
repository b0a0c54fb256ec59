"""Cursors into the log: opaque, signed, and good in one organization and one epoch only."""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from uuid import UUID

from domain.errors import BadUserInputError
from domain.events.errors import ResyncError
from runtime.settings import Settings

_LAYOUT = struct.Struct(">B8s16sQ")  # version, epoch, organization, number of the event
_VERSION = 1
_SIGNATURE_BYTES = 16
_PURPOSE = b"opsgraph event cursor"


@dataclass(frozen=True)
class Cursors:
    """Makes and reads cursors with a key derived from the platform's secret."""

    key: bytes

    @classmethod
    def from_settings(cls, settings: Settings) -> "Cursors":
        secret = settings.secret_key.get_secret_value()
        if not secret:
            raise ValueError("SECRET_KEY is empty, so cursors cannot be signed.")
        return cls(hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256))

    def encode(self, epoch: str, org_id: UUID, seq: int) -> str:
        """The cursor of event `seq`; `epoch` as `event_epoch()` gives it (16 hexadecimal digits)."""
        body = _LAYOUT.pack(_VERSION, bytes.fromhex(epoch), org_id.bytes, seq)
        return base64.urlsafe_b64encode(body + self._sign(body)).decode().rstrip("=")

    def decode(self, cursor: str, epoch: str, org_id: UUID) -> int:
        """The number of the event. Raises BadUserInputError for a cursor that is not ours or not of this
        organization, ResyncError for one from before the database was restored."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _refused() from None
        if base64.urlsafe_b64encode(raw).decode().rstrip("=") != cursor:
            raise _refused()  # the last character has bits that decoding ignores
        body, signature = raw[: _LAYOUT.size], raw[_LAYOUT.size :]
        if len(body) != _LAYOUT.size or not hmac.compare_digest(signature, self._sign(body)):
            raise _refused()
        version, cursor_epoch, cursor_org, seq = _LAYOUT.unpack(body)
        if version != _VERSION or cursor_org != org_id.bytes:
            raise _refused()
        if cursor_epoch != bytes.fromhex(epoch):
            raise ResyncError("The log was restored since this cursor was given; read again and start without one.")
        return int(seq)

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self.key, body, hashlib.sha256)[:_SIGNATURE_BYTES]


def _refused() -> BadUserInputError:
    return BadUserInputError("The cursor is not one that this organization's events were given with.")

"""Secrets at rest: sealed by AES-256-GCM under a key of the settings, and bound to the place they are kept in.

A sealed value is a format byte, the key's id, a nonce and the ciphertext. `ENCRYPTION_KEYS` holds the newest key first:
it seals, and all of them open, so that a new key can be put before the old one without losing what is there.
"""

import base64
import binascii
import hashlib
import os
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from runtime.settings import Settings

FORMAT = b"\x01"
ID_BYTES, NONCE_BYTES, KEY_BYTES = 8, 12, 32


class SealError(Exception):
    """A value cannot be opened: no key of the settings fits, or it was changed or moved."""


class Sealer:
    """Seals and opens. `place` names where the value is kept, like "signing_keys:<org>:<id>"."""

    def __init__(self, keys: list[bytes]) -> None:
        if not keys:
            raise ValueError("ENCRYPTION_KEYS is empty; without it nothing can be sealed.")
        self._newest = _id(keys[0])
        self._keys = {_id(key): AESGCM(key) for key in keys}

    def seal(self, value: bytes, place: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return FORMAT + self._newest + nonce + self._keys[self._newest].encrypt(nonce, value, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """The value. Raises SealError."""
        name, rest = sealed[1 : 1 + ID_BYTES], sealed[1 + ID_BYTES :]
        key = self._keys.get(name)
        if sealed[:1] != FORMAT or key is None:
            raise SealError("No key in ENCRYPTION_KEYS fits this value: keep the key that sealed it in the list.")
        try:
            return key.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], place.encode())
        except InvalidTag:
            raise SealError("This value was changed, or moved here from another place.") from None


def sealer(settings: Settings) -> Sealer:
    return Sealer(parsed(settings.encryption_keys.get_secret_value()))


def parsed(text: str) -> list[bytes]:
    """The keys of the setting. ValueError (one sentence) when one is not 32 bytes in base64url."""
    keys = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        try:
            key = base64.b64decode(item + "=" * (-len(item) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise ValueError("A key in ENCRYPTION_KEYS is not 32 bytes in base64url.")
        keys.append(key)
    return keys


def new_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode().rstrip("=")


def _id(key: bytes) -> bytes:
    return hashlib.sha256(b"opsgraph key id\0" + key).digest()[:ID_BYTES]

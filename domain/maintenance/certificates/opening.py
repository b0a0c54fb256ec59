"""Opening PKCS#12 files apart: one says by itself how many rounds its keys are derived with, up to two thousand
million, and the library that opens it holds Python's lock all the while."""

import base64
import json
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

from domain import apart


class NotOpenedError(Exception):
    """The file cannot be opened; the message says why and what to do."""


@dataclass(frozen=True)
class Opened:
    key: PrivateKeyTypes | None
    certificate: x509.Certificate | None
    others: list[x509.Certificate]


async def opened(content: bytes, password: str) -> Opened:
    """What is in a file. Raises NotOpenedError."""
    given = {"content": base64.b64encode(content).decode(), "password": password}
    answer = await apart.apart(__name__, json.dumps(given).encode())
    if answer is None:
        raise NotOpenedError(
            f"The file cannot be opened within {apart.CPU_SECONDS} seconds: it asks for far more rounds of key"
            " derivation than programs use; export it again."
        )
    found: dict[str, str | None] = json.loads(answer)
    if (certificates := found["certificates"]) is None:
        raise NotOpenedError("This is no PKCS#12 file, or the password does not open it; export it again.")
    key = serialization.load_pem_private_key(found["key"].encode(), None) if found["key"] else None
    others = x509.load_pem_x509_certificates(certificates.encode()) if certificates else []
    own = others.pop(0) if found["own"] else None
    return Opened(key, own, others)


def _open(sent: bytes) -> bytes:
    """In PEM: the key, and all certificates, the key's own first when there is one (`own`)."""
    given = json.loads(sent)
    try:
        key, certificate, others = load_key_and_certificates(
            base64.b64decode(given["content"]), given["password"].encode() or None
        )
    except ValueError:
        return json.dumps({"key": None, "own": None, "certificates": None}).encode()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    certificates = [*([certificate] if certificate else []), *others]
    found = {
        "key": key.private_bytes(pem, pkcs8, serialization.NoEncryption()).decode() if key else None,
        "own": "yes" if certificate else None,
        "certificates": "".join(each.public_bytes(pem).decode() for each in certificates),
    }
    return json.dumps(found).encode()


if __name__ == "__main__":
    apart.answer(_open)

"""Opening PKCS#12 files, in a process of its own.

A file says by itself how many rounds its keys are derived with, up to two thousand million, and the library that opens
it holds Python's lock all the while: a few hundred bytes would bring the platform to a standstill. So it is done where
the system ends it after some seconds.
"""

import asyncio
import base64
import json
import resource
import sys
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

CPU_SECONDS = 4  # a million rounds take one
WAIT_SECONDS = 20.0  # when the machine is busy
MEMORY = 1 << 30


class NotOpenedError(Exception):
    """The file cannot be opened; the message says why and what to do."""


@dataclass(frozen=True)
class Opened:
    key: PrivateKeyTypes | None
    certificate: x509.Certificate | None
    others: list[x509.Certificate]


async def opened(content: bytes, password: str) -> Opened:
    """What is in a file. Raises NotOpenedError."""
    from runtime.supervisor import child_environment

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=child_environment(),
    )
    given = {"content": base64.b64encode(content).decode(), "password": password}
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            answer, _ = await process.communicate(json.dumps(given).encode())
    except TimeoutError:
        answer = b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise NotOpenedError(
            f"The file cannot be opened within {CPU_SECONDS} seconds: it asks for far more rounds of key derivation"
            " than programs use; export it again."
        )
    return _read(json.loads(answer))


def _read(found: dict[str, str | None]) -> Opened:
    if (certificates := found["certificates"]) is None:
        raise NotOpenedError("This is no PKCS#12 file, or the password does not open it; export it again.")
    key = serialization.load_pem_private_key(found["key"].encode(), None) if found["key"] else None
    others = x509.load_pem_x509_certificates(certificates.encode()) if certificates else []
    own = others.pop(0) if found["own"] else None
    return Opened(key, own, others)


def _open(content: bytes, password: str) -> dict[str, str | None]:
    """In PEM: the key, and all certificates, the key's own first when there is one (`own`)."""
    try:
        key, certificate, others = load_key_and_certificates(content, password.encode() or None)
    except ValueError:
        return {"key": None, "own": None, "certificates": None}
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    certificates = [*([certificate] if certificate else []), *others]
    return {
        "key": key.private_bytes(pem, pkcs8, serialization.NoEncryption()).decode() if key else None,
        "own": "yes" if certificate else None,
        "certificates": "".join(each.public_bytes(pem).decode() for each in certificates),
    }


def main() -> None:
    """Answers on standard output what is in the file that standard input describes."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    given = json.load(sys.stdin)
    json.dump(_open(base64.b64decode(given["content"]), given["password"]), sys.stdout)


if __name__ == "__main__":
    main()

"""Keys for development, made once and kept in the data folder; production brings its own."""

import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from runtime.settings import Settings

SECRET_KEY_FILE = "secret.key"  # noqa: S105 - a file name
JWT_KEY_FILE = "jwt.pem"
ENCRYPTION_KEY_FILE = "encryption.key"


def ensure_secrets(settings: Settings) -> Settings:
    """The settings with all keys filled in. Production is returned unchanged: there a missing key is refused."""
    if settings.environment == "production":
        return settings
    found: dict[str, SecretStr] = {}
    if not settings.secret_key.get_secret_value():
        found["secret_key"] = SecretStr(_kept(settings.data_dir / SECRET_KEY_FILE, _new_secret))
    if not settings.jwt_private_key.get_secret_value():
        found["jwt_private_key"] = SecretStr(_kept(settings.data_dir / JWT_KEY_FILE, new_jwt_key))
    if not settings.encryption_keys.get_secret_value():
        found["encryption_keys"] = SecretStr(_kept(settings.data_dir / ENCRYPTION_KEY_FILE, _new_encryption_key))
    return settings.model_copy(update=found) if found else settings


def new_jwt_key() -> str:
    """A fresh Ed25519 private key as PKCS#8 PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return (
        Ed25519PrivateKey.generate()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def _new_secret() -> str:
    return secrets.token_urlsafe(48)


def _new_encryption_key() -> str:
    from runtime.sealing import new_key

    return new_key()


def _kept(path: Path, make: Callable[[], str]) -> str:
    """The file's text, made first when missing. Of two processes that make it at once, one wins for both."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)  # 0600 from its first moment
    try:
        with os.fdopen(handle, "w") as file:
            file.write(make() + "\n")
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(name)
    return path.read_text().strip()

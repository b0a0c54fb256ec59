"""Access tokens: JWTs signed with Ed25519; algorithm, issuer, audience and type pinned (RFC 8725)."""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from domain.errors import UnauthenticatedError
from domain.identity.rules.sessions import ACCESS_TOKEN_LIFE
from runtime.settings import Settings

ALGORITHM = "EdDSA"
AUDIENCE = "opsgraph"
# RFC 9068 names this type; a token of another kind that we might sign one day is then no access token.
TYPE = "at+jwt"
LEEWAY = timedelta(seconds=5)
REQUIRED = ["iss", "aud", "exp", "nbf", "iat", "sub", "sid", "org", "jti"]
PEM = re.compile(r"-----BEGIN PRIVATE KEY-----.+?-----END PRIVATE KEY-----", re.DOTALL)


@dataclass(frozen=True)
class Claims:
    """What a verified access token says."""

    session_id: UUID
    user_id: UUID
    org_id: UUID
    expires_at: float


@dataclass(frozen=True)
class SigningKey:
    kid: str
    private: Ed25519PrivateKey
    public: Ed25519PublicKey

    @property
    def jwk(self) -> dict[str, str]:
        raw = self.public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": _b64(raw),
            "kid": self.kid,
            "alg": ALGORITHM,
            "use": "sig",
        }


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _key(pem: str) -> SigningKey:
    private = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise ValueError("jwt_private_key must hold Ed25519 keys in PKCS#8 PEM")
    public = private.public_key()
    # RFC 7638: the thumbprint of the required members in lexicographic order.
    x = _b64(public.public_bytes(Encoding.Raw, PublicFormat.Raw))
    thumbprint = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
    return SigningKey(_b64(thumbprint), private, public)


class TokenKeys:
    """The signing keys, newest first: the first signs, all verify, so keys rotate without ending sessions."""

    def __init__(self, pems: str, issuer: str) -> None:
        found = [_key(match.group()) for match in PEM.finditer(pems.replace("\\n", "\n"))]
        if not found:
            raise ValueError("jwt_private_key holds no Ed25519 private key in PEM; set JWT_PRIVATE_KEY")
        self.issuer = issuer
        self._newest = found[0]
        self._by_kid = {key.kid: key for key in found}

    def issue(self, *, session_id: UUID, user_id: UUID, org_id: UUID, token_id: UUID, now: datetime) -> str:
        """An access token of 20 minutes for one session in one organization."""
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "sid": str(session_id),
            "org": str(org_id),
            "jti": str(token_id),
            "iat": now,
            "nbf": now,
            "exp": now + ACCESS_TOKEN_LIFE,
        }
        return jwt.encode(
            claims,
            self._newest.private,
            algorithm=ALGORITHM,
            headers={"kid": self._newest.kid, "typ": TYPE},
        )

    def verify(self, token: str) -> Claims:
        """The claims of a valid token; UnauthenticatedError for any other."""
        try:
            header = jwt.get_unverified_header(token)
            key = self._by_kid.get(str(header.get("kid")))
            if key is None or header.get("typ") != TYPE:
                raise UnauthenticatedError("The access token was not issued here; sign in again.")
            claims: dict[str, Any] = jwt.decode(
                token,
                key.public,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self.issuer,
                leeway=LEEWAY,
                options={"require": REQUIRED},
            )
            return Claims(UUID(claims["sid"]), UUID(claims["sub"]), UUID(claims["org"]), float(claims["exp"]))
        except jwt.ExpiredSignatureError:
            raise UnauthenticatedError("The access token has expired; refresh it or sign in again.") from None
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            raise UnauthenticatedError("The access token is not valid; sign in again.") from None

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The JSON Web Key Set (RFC 7517) that other services verify our tokens with."""
        return {"keys": [key.jwk for key in self._by_kid.values()]}


@lru_cache(maxsize=8)
def _keys(pems: str, issuer: str) -> TokenKeys:
    return TokenKeys(pems, issuer)


def keys(settings: Settings) -> TokenKeys:
    """The keys of these settings, parsed once."""
    return _keys(settings.jwt_private_key.get_secret_value(), settings.public_url)

"""Access tokens against the attacks of RFC 8725, JSON Web Token Best Current Practices."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from uuid_utils.compat import uuid7

from domain.errors import UnauthenticatedError
from domain.identity.tokens import TokenKeys
from runtime.secrets import new_jwt_key

ISSUER = "http://127.0.0.1:8000"
SESSION, USER, ORG = uuid7(), uuid7(), uuid7()


@pytest.fixture
def pem() -> str:
    return new_jwt_key()


@pytest.fixture
def keys(pem: str) -> TokenKeys:
    return TokenKeys(pem, ISSUER)


def issue(keys: TokenKeys, now: datetime | None = None) -> str:
    return keys.issue(session_id=SESSION, user_id=USER, org_id=ORG, token_id=uuid7(), now=now or datetime.now(UTC))


def forged(keys: TokenKeys, key: Any, *, algorithm: str = "EdDSA", header: Any = None, **changes: Any) -> str:
    """A token with changed claims (None drops one), signed by `key`."""
    token = issue(keys)
    claims = jwt.decode(token, options={"verify_signature": False}) | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    headers = jwt.get_unverified_header(token) | {"alg": algorithm} | (header or {})
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers)


def test_a_token_carries_its_claims_for_20_minutes(keys: TokenKeys) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    claims = keys.verify(issue(keys, now))
    assert (claims.session_id, claims.user_id, claims.org_id) == (SESSION, USER, ORG)
    assert claims.expires_at == (now + timedelta(minutes=20)).timestamp()


@pytest.mark.parametrize("age", [timedelta(minutes=20, seconds=6), timedelta(days=1), -timedelta(seconds=10)])
def test_expired_and_future_tokens_are_refused(keys: TokenKeys, age: timedelta) -> None:
    """RFC 7519 4.1.4 and 4.1.5, with 5 s of leeway for clocks."""
    with pytest.raises(UnauthenticatedError):
        keys.verify(issue(keys, datetime.now(UTC) - age))


@pytest.mark.parametrize("age", [timedelta(minutes=20, seconds=2), -timedelta(seconds=3)])
def test_clocks_may_differ_a_little(keys: TokenKeys, age: timedelta) -> None:
    assert keys.verify(issue(keys, datetime.now(UTC) - age))


def test_an_unsigned_token_is_refused(keys: TokenKeys) -> None:
    """RFC 8725 2.1: "alg": "none"."""
    token = issue(keys)
    header = jwt.get_unverified_header(token) | {"alg": "none"}
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    for signature in ("", token.rpartition(".")[2]):
        with pytest.raises(UnauthenticatedError):
            keys.verify(f"{head}.{token.split('.')[1]}.{signature}")


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(keys: TokenKeys) -> None:
    """RFC 8725 2.1: an asymmetric public key taken for an HMAC secret."""
    secret = base64.urlsafe_b64decode(keys.jwks()["keys"][0]["x"] + "=")
    with pytest.raises(UnauthenticatedError):
        keys.verify(forged(keys, secret, algorithm="HS256"))


def test_another_key_is_refused(keys: TokenKeys) -> None:
    with pytest.raises(UnauthenticatedError):
        keys.verify(forged(keys, Ed25519PrivateKey.generate()))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "http://elsewhere.example"},  # RFC 8725 3.8: validate issuer
        {"aud": "another-service"},  # RFC 8725 3.9: validate audience
        {"aud": None},
        {"iss": None},
        {"exp": None},
        {"nbf": None},
        {"sub": None},
        {"sid": None},
        {"sub": "not-a-uuid"},
        {"sid": 7},
        {"org": ["a"]},
        {"exp": "soon"},
    ],
)
def test_wrong_or_missing_claims_are_refused(pem: str, keys: TokenKeys, changes: dict[str, Any]) -> None:
    with pytest.raises(UnauthenticatedError):
        keys.verify(forged(keys, pem, **changes))


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},  # RFC 8725 3.11: explicit typing
        {"kid": "another"},
        {"kid": "../../etc/passwd"},
    ],
)
def test_wrong_headers_are_refused(pem: str, keys: TokenKeys, header: dict[str, Any]) -> None:
    with pytest.raises(UnauthenticatedError):
        keys.verify(forged(keys, pem, header=header))


def test_a_token_that_names_no_key_is_refused(pem: str, keys: TokenKeys) -> None:
    claims = jwt.decode(issue(keys), options={"verify_signature": False})
    with pytest.raises(UnauthenticatedError):
        keys.verify(jwt.encode(claims, pem, algorithm="EdDSA", headers={"typ": "at+jwt"}))


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "....", "é.é.é", "eyJhbGciOiJFZERTQSJ9.e30.", "x" * 10_000])
def test_what_is_no_token_is_refused(keys: TokenKeys, text: str) -> None:
    with pytest.raises(UnauthenticatedError):
        keys.verify(text)


def test_keys_rotate_without_ending_sessions(pem: str, keys: TokenKeys) -> None:
    old_token = issue(keys)
    rotated = TokenKeys(f"{new_jwt_key()}\n{pem}", ISSUER)
    assert rotated.verify(old_token)
    new_token = issue(rotated)
    assert rotated.verify(new_token)
    with pytest.raises(UnauthenticatedError):
        keys.verify(new_token)


def test_the_jwks_verifies_tokens_and_holds_no_private_key(keys: TokenKeys) -> None:
    """RFC 7517, and RFC 8037 for Ed25519."""
    [found] = keys.jwks()["keys"]
    assert set(found) == {"kty", "crv", "x", "kid", "alg", "use"}
    token = issue(keys)
    assert jwt.get_unverified_header(token)["kid"] == found["kid"]
    public = jwt.PyJWK(found)
    assert jwt.decode(token, public, algorithms=["EdDSA"], audience="opsgraph", issuer=ISSUER)["sub"] == str(USER)


@pytest.mark.parametrize("pems", ["", "secret", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_settings_without_a_key_say_so(pems: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        TokenKeys(pems, ISSUER)

"""Keys that sign certificates: made under a certificate authority of the organization's own, or read from PKCS#12.

The profile of the certificates is that of RFC 5280 for an end entity that signs documents: key usage digitalSignature
and contentCommitment, which PAdES (ETSI EN 319 142-1) expects, and the purpose documentSigning of RFC 9336.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier

from domain.errors import ErrorCode, refuse
from domain.maintenance.certificates.opening import Opened

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")
# A certificate has to be provable for as long as the aircraft's records are kept, without a time-stamping service.
AUTHORITY_YEARS, SIGNER_YEARS = 40, 20
CLOCKS_APART = timedelta(minutes=5)
LONGEST_NAME = 64  # X.520, in bytes
SMALLEST_RSA = 2048


@dataclass(frozen=True)
class Material:
    """A key with its certificate and the chain above it; `authority` is the own CA's key, None for an imported one."""

    key: PrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    authority: PrivateKey | None = None

    @property
    def subject(self) -> str:
        return self.certificate.subject.rfc4514_string()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in hexadecimal."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def private(self) -> bytes:
        """The private keys, as they are sealed."""
        keys = {"signer": self.key, "authority": self.authority}
        return orjson.dumps({name: base64.b64encode(der(key)).decode() for name, key in keys.items() if key})


def made(organization: str, now: datetime, old: Material | None = None) -> Material:
    """A new key under the organization's own certificate authority, which is that of `old` when it has one."""
    if old is not None and old.authority is not None:
        authority, root = old.authority, old.chain[-1]
    else:
        authority = ec.generate_private_key(ec.SECP256R1())
        root = _root(organization, authority, now)
    key = ec.generate_private_key(ec.SECP256R1())
    return Material(key, _signer(organization, key, authority, root, now), (root,), authority)


def imported(found: Opened, now: datetime) -> Material:
    """The key of a PKCS#12 file. Raises UserErrors when it cannot sign certificates."""
    key, certificate = found.key, found.certificate
    if key is None or certificate is None:
        raise refuse(ErrorCode.INVALID, "The file holds no private key with its certificate; export both together.")
    if not _can_sign(key):
        raise refuse(
            ErrorCode.INVALID,
            f"Readers of PDF do not take this kind of key; use RSA of {SMALLEST_RSA} bits or more, or ECDSA.",
        )
    if not certificate.not_valid_before_utc - CLOCKS_APART <= now < certificate.not_valid_after_utc:
        raise refuse(ErrorCode.EXPIRED, f"The certificate is valid until {certificate.not_valid_after_utc:%Y-%m-%d}.")
    if not _may_commit(certificate):
        raise refuse(
            ErrorCode.INVALID,
            "The certificate is not for signing documents: its key usage needs nonRepudiation (contentCommitment).",
        )
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    return Material(key, certificate, tuple(_ordered(certificate, found.others)))


def restored(certificate: str, chain: str, private: bytes) -> Material:
    """What was kept: the certificates in PEM, the private keys as `Material.private` gave them."""
    keys = {name: _loaded(base64.b64decode(text)) for name, text in orjson.loads(private).items()}
    above = tuple(x509.load_pem_x509_certificates(chain.encode())) if chain else ()
    return Material(keys["signer"], x509.load_pem_x509_certificate(certificate.encode()), above, keys.get("authority"))


def pem(certificates: Iterable[x509.Certificate]) -> str:
    return "".join(item.public_bytes(serialization.Encoding.PEM).decode() for item in certificates)


def der(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _loaded(content: bytes) -> PrivateKey:
    key = serialization.load_der_private_key(content, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    return key


def _root(organization: str, key: PrivateKey, now: datetime) -> x509.Certificate:
    name = _name(organization, "certificate authority")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        _begun(name, name, key, now, AUTHORITY_YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def _signer(
    organization: str, key: PrivateKey, authority: PrivateKey, root: x509.Certificate, now: datetime
) -> x509.Certificate:
    above = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        _begun(_name(organization, "certificates"), root.subject, key, now, SIGNER_YEARS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True, content_commitment=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([DOCUMENT_SIGNING]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above), critical=False)
        .sign(authority, hashes.SHA256())
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, now: datetime, years: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_APART)
        .not_valid_after(now + timedelta(days=365 * years))
    )


def _name(organization: str, what: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _cut(organization, LONGEST_NAME)),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{_cut(organization, LONGEST_NAME - len(what) - 1)} {what}"),
        ]
    )


def _cut(text: str, bytes_: int) -> str:
    return text.encode()[:bytes_].decode(errors="ignore").strip()


def _usage(**used: bool) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: used.get(name, False) for name in names})


def _can_sign(key: object) -> bool:
    return isinstance(key, ec.EllipticCurvePrivateKey) or (
        isinstance(key, rsa.RSAPrivateKey) and key.key_size >= SMALLEST_RSA
    )


def _may_commit(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True  # RFC 5280: without the extension every use is allowed
    return usage.content_commitment


def _ordered(certificate: x509.Certificate, others: Iterable[x509.Certificate]) -> Iterable[x509.Certificate]:
    """Those above a certificate, the next first. A file may hold others too: they are left out."""
    left = list(others)
    current = certificate
    while current.issuer != current.subject:
        found = next((other for other in left if other.subject == current.issuer), None)
        if found is None:
            return
        left.remove(found)
        yield found
        current = found

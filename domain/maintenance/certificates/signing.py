"""The signature: PAdES baseline B-B (ETSI EN 319 142-1), certifying, with no later change allowed.

It has no appearance, so that nothing has to be drawn into the PDF/A; the sheet says itself that it is signed.
"""

import io
from typing import Any

from asn1crypto.keys import PrivateKeyInfo
from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, SimpleSigner, sign_pdf
from pyhanko_certvalidator.registry import SimpleCertificateStore

from domain.maintenance.certificates.keys import Material, der

FIELD = "Release"


def sign(pdf: bytes, material: Material, *, reason: str, name: str) -> bytes:
    """The PDF with its signature behind it. `name` is the signatory's, as readers show it."""
    store: Any = SimpleCertificateStore  # which has no types
    signer = SimpleSigner(
        signing_cert=_asn1(material.certificate),
        signing_key=PrivateKeyInfo.load(der(material.key)),
        cert_registry=store.from_certs([_asn1(item) for item in material.chain]),
    )
    meta = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
        reason=reason,
        name=name,
    )
    out = io.BytesIO()
    sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), meta, signer, output=out)
    return out.getvalue()


def _asn1(certificate: x509.Certificate) -> Certificate:
    return Certificate.load(certificate.public_bytes(Encoding.DER))

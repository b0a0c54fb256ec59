"""The PDF of a certificate: PDF/A-3b with its data, in any script, and a signature that other programs validate."""

import asyncio
import base64
import copy
import hashlib
import io
import subprocess
import sys
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from uuid import UUID

import orjson
import pikepdf
import pypdfium2
import pytest
from asn1crypto.pkcs12 import Pfx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from db.maintenance.releases import CertificateForm, ComponentWork
from domain import apart
from domain.errors import UserErrors
from domain.maintenance.certificates import keys, signing, typesetting
from domain.maintenance.certificates.keys import Material
from domain.maintenance.certificates.opening import NotOpenedError, opened
from domain.maintenance.certificates.sheet import Sheet
from domain.maintenance.rules import certificates
from domain.maintenance.rules.certificates import (
    Airframe,
    Deferred,
    DoneWork,
    Head,
    Issuer,
    Order,
    Part,
    Remarks,
    Signatory,
)

NOW = datetime(2026, 11, 21, 13, 5, 9, tzinfo=UTC)
URL = "http://127.0.0.1:8000/verify/CRS-000042/0123456789abcdefghijklmnopqrstuv"
# One name in each script: Latin, Greek, Cyrillic, Arabic, Chinese, Japanese, Korean.
NAMES = ["Zoë Ångström", "Ελένη Παπαδοπούλου", "Ольга Жукова", "فاطمة الزهراء", "王秀英", "さくら山田", "김민준"]
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def head(form: CertificateForm, number: str) -> Head:
    return Head(
        form=form,
        number=number,
        issuer=Issuer("Skyline Maintenance", "Hangar 4\n1700-008 Lisboa", "EASA / Portugal", "PT.145.0123"),
        signatory=Signatory(UUID(int=5), NAMES[1], "SKY-C-014", "PT.66.4711"),
        released_on=date(2026, 11, 21),
        released_at=NOW,
        time_zone="Europe/Lisbon",
    )


def crs() -> dict:
    return certificates.of_aircraft(
        head(CertificateForm.CRS, "CRS-000042"),
        Order(12, "A-check"),
        Airframe("CS-TAC", "Airbus", "A320-214", "2233", 1_735_602, 14_001),
        [DoneWork(number, f"Inspected by {name}", "05-20-00", date(2026, 11, 20)) for number, name in enumerate(NAMES)]
        + [DoneWork(8, "Change tyre", None, None, "The right one")],
        [Deferred(9, "Reading light 3A", "C", "33-20-01", "2026-12-01")],
        Remarks(limitations="No RVSM.\nDay VFR only.", remarks="No font has \U00012000 and \U0001f642"),
    )


def form_one(form: CertificateForm) -> dict:
    return certificates.of_component(
        head(form, "F1-000001"),
        None,
        Part("Fuel pump", "8410-3", "A17", 90_061, 1_502),
        ComponentWork.REPAIRED,
        Remarks(remarks="Repaired per CMM 28-20-01 rev. 7."),
    )


@lru_cache
def own() -> Material:
    return keys.made("Skyline Maintenance " + "ß" * 60, NOW)


@lru_cache
def certificate() -> bytes:
    return signing.sign(typesetting.typeset(Sheet(crs(), URL, ("image/png", PIXEL))), own(), reason="Release", name="A")


def validating(pdf: bytes, root: str, folder: Path, name: str) -> subprocess.Popen[str]:
    """pyHanko's own command at work, which trusts just this root."""
    (folder / f"{name}.pem").write_text(root)
    (folder / f"{name}.pdf").write_bytes(pdf)
    program = [str(Path(sys.executable).parent / "pyhanko"), "sign", "validate", "--pretty-print"]
    options = ["--trust", f"{name}.pem", "--trust-replace", f"{name}.pdf"]
    return subprocess.Popen([*program, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder)


def judged(pdf: bytes, root: x509.Certificate) -> bool:
    """The same judgement in this process."""
    [signature] = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    trusted = load_certs_from_pemder_data(root.public_bytes(serialization.Encoding.PEM))
    status = validate_pdf_signature(signature, ValidationContext(trust_roots=list(trusted), allow_fetching=False))
    return status.bottom_line


def test_the_structure() -> None:
    with pikepdf.open(io.BytesIO(certificate())) as pdf:
        with pdf.open_metadata() as metadata:
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "B")
            assert metadata["dc:title"] == "Certificate of release to service CRS-000042"
        assert len(pdf.Root.OutputIntents) == 1
        attached = pdf.attachments["certificate.json"]
        assert orjson.loads(attached.get_file().read_bytes()) == crs()
        [associated] = pdf.Root.AF
        assert associated.AFRelationship == "/Data"
        [field] = pdf.Root.AcroForm.Fields
        assert (field.V.SubFilter, field.V.Filter) == ("/ETSI.CAdES.detached", "/Adobe.PPKLite")
        assert pdf.Root.Perms.DocMDP.objgen == field.V.objgen
        start, length, after, rest = (int(number) for number in field.V.ByteRange)
        assert (start, after + rest) == (0, len(certificate()))
        assert list(field.Rect) == [0, 0, 0, 0]
        assert length < after
        fonts = {str(font.BaseFont) for page in pdf.pages for font in page.Resources.Font.values()}
        assert all(len(name.split("+")[0]) == 7 for name in fonts), "each font is embedded as a subset"


def test_a_logo_that_cannot_be_drawn_is_left_out() -> None:
    """It was looked at when it was uploaded, but by another program: a release does not wait for a better one."""
    pdf = typesetting.typeset(Sheet(crs(), URL, ("image/png", PIXEL[: len(PIXEL) // 2])))
    assert pdf == typesetting.typeset(Sheet(crs(), URL))


def test_it_is_rendered_in_every_script() -> None:
    document = pypdfium2.PdfDocument(certificate())
    text = "".join(page.get_textpage().get_text_range() for page in document)
    for name in NAMES[:3] + NAMES[4:]:
        assert name in text
    for part in (
        "CRS-000042",
        "CS-TAC",
        "28926:42",
        "Card 8: The right one",
        "No RVSM.",
        "Day VFR only.",
        "33-20-01",
        "SKY-C-014",
    ):
        assert part in text
    # What no font has is named by its number; the data that is attached has it as it is.
    assert "U+12000" in text
    page = document[0].render(scale=1).to_pil().convert("L")
    dark = sum(page.histogram()[:100])
    assert 3_000 < dark < page.width * page.height / 4


def test_the_same_content_gives_the_same_pdf() -> None:
    shuffled = dict(reversed(list(copy.deepcopy(crs()).items())))
    digests = {hashlib.sha256(typesetting.typeset(Sheet(each, URL))).hexdigest() for each in (crs(), shuffled)}
    assert len(digests) == 1


@pytest.mark.parametrize("form", [CertificateForm.EASA_FORM_1, CertificateForm.FAA_8130_3])
def test_component_forms(form: CertificateForm) -> None:
    document = pypdfium2.PdfDocument(typesetting.typeset(Sheet(form_one(form), URL, ("image/png", PIXEL))))
    assert len(document) == 1
    text = " ".join(document[0].get_textpage().get_text_range().split())
    for number in (*range(1, 13), "13a", "13e", "14a", "14b", "14c", "14d", "14e"):
        assert f"{number}. " in text
    for part in ("8410-3", "A17", "Repaired", "CMM 28-20-01", "PT.145.0123", NAMES[1], "Since new: 1501:01 hours"):
        assert part in text


def test_another_program_validates_it_and_no_byte_can_be_changed(tmp_path: Path) -> None:
    root = keys.pem(own().chain)
    changed = certificate().replace(b"CRS-000042", b"CRS-000043", 1)  # in the title, far from the signature
    both = [validating(certificate(), root, tmp_path, "good"), validating(changed, root, tmp_path, "changed")]
    (good, problem), (bad, _) = [each.communicate(timeout=60) for each in both]
    assert both[0].returncode == 0, good + problem
    assert "The signature is judged VALID" in good
    assert both[1].returncode != 0
    assert "judged VALID" not in bad
    assert judged(certificate(), own().chain[0])
    assert not judged(certificate(), keys.made("Somebody else", NOW).chain[0])


def authority_and_signer(**usage: bool) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Imported")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .add_extension(keys._usage(**usage), critical=True)
        .sign(key, hashes.SHA256())
    )
    return key, made


def packed(key, certificate: x509.Certificate | None, password: bytes = b"secret") -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"k", key, certificate, None, encryption)


async def test_imported_keys() -> None:
    key, issued = authority_and_signer(digital_signature=True, content_commitment=True)
    material = keys.imported(await opened(packed(key, issued), "secret"), NOW)
    again = keys.restored(keys.pem([material.certificate]), keys.pem(material.chain), material.private())
    assert (again.fingerprint, again.subject, again.authority) == (material.fingerprint, "CN=Imported", None)

    def signs() -> bool:
        return judged(signing.sign(typesetting.typeset(Sheet(crs(), URL)), again, reason="Release", name="A"), issued)

    assert await asyncio.to_thread(signs)  # pyHanko starts a loop of its own
    plain, unfit = authority_and_signer(digital_signature=True)
    small = ed25519.Ed25519PrivateKey.generate()
    refused = [
        (packed(None, issued), "secret", NOW, "private key"),
        (packed(plain, unfit), "secret", NOW, "nonRepudiation"),
        (packed(key, issued), "secret", datetime(2040, 1, 1, tzinfo=UTC), "2036-01-01"),
    ]
    for content, password, now, said in refused:
        with pytest.raises(UserErrors, match=said):
            keys.imported(await opened(content, password), now)
    assert not keys._can_sign(small)


async def test_files_that_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    content = packed(*authority_and_signer(digital_signature=True, content_commitment=True))
    for wrong, password in ((content, "wrong"), (b"nonsense", "")):
        with pytest.raises(NotOpenedError, match=r"no PKCS#12 file, or the password"):
            await opened(wrong, password)
    # Hours of work, and nobody else waits for it.
    endless = Pfx.load(content)
    endless["mac_data"]["iterations"] = 2_000_000_000
    monkeypatch.setattr(apart, "WAIT_SECONDS", 1.5)
    with pytest.raises(NotOpenedError, match="more rounds of key derivation"):
        await opened(endless.dump(force=True), "secret")


def test_own_keys_are_renewed_under_the_same_authority() -> None:
    renewed = keys.made("Skyline", NOW, own())
    assert renewed.chain == own().chain
    assert renewed.fingerprint != own().fingerprint
    renewed.certificate.verify_directly_issued_by(own().chain[0])

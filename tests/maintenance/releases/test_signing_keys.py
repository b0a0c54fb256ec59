"""The keys that sign certificates, and how they are kept."""

import base64

import pytest
from sqlalchemy import select

from db.maintenance.releases import SigningKey
from db.session import Database
from runtime.sealing import Sealer, SealError, parsed, sealer
from runtime.settings import Settings
from tests.factories import identity
from tests.factories.api import Api
from tests.factories.work import Crew
from tests.maintenance.releases.test_pdf import authority_and_signer, packed

ERRORS = "errors { code message path }"


async def test_signing_keys(db: Database, settings: Settings, crew: Crew, planner: Api) -> None:
    """Imported, renewed, never shown, and bound to their row."""
    shown = "signingKey { id origin subject fingerprint chain retiredAt }"
    bring = f"mutation ($input: ImportSigningKeyInput!) {{ importSigningKey(input: $input) {{ {shown} {ERRORS} }} }}"
    key, issued = authority_and_signer(digital_signature=True, content_commitment=True)
    content = base64.b64encode(packed(key, issued)).decode()
    for wrong in ({"pkcs12": "%%"}, {"pkcs12": "A" * 200_000}, {"password": "wrong"}):
        given = {"pkcs12": content, "password": "secret"} | wrong
        assert [path for _, path in await planner.refusals(bring, input=given)] == [["input", "pkcs12"]]
    first = (await planner.done(bring, input={"pkcs12": content, "password": "secret"}))["signingKey"]
    assert (first["origin"], first["subject"], first["chain"]) == ("IMPORTED", "CN=Imported", "")
    renew = f"mutation {{ renewSigningKey {{ {shown} {ERRORS} }} }}"
    second, third = [(await planner.done(renew))["signingKey"] for _ in range(2)]
    assert second["chain"] == third["chain"] != ""
    assert second["fingerprint"] != third["fingerprint"]
    seen = await planner.data("{ signingKeys(first: 5) { nodes { origin retiredAt } } }")
    assert [(node["origin"], node["retiredAt"] is None) for node in seen["signingKeys"]["nodes"]] == [
        ("OWN_CA", True), ("OWN_CA", False), ("IMPORTED", False),
    ]  # fmt: skip
    async with db.tenant(crew.org_id) as session:
        rows = (await session.scalars(select(SigningKey).order_by(SigningKey.id))).all()
    opener = sealer(settings)
    assert b"signer" in opener.open(rows[0].sealed, f"signing_keys:{crew.org_id}:{rows[0].id}")
    with pytest.raises(SealError, match="moved"):
        opener.open(rows[0].sealed, f"signing_keys:{crew.org_id}:{rows[1].id}")
    with pytest.raises(SealError, match="ENCRYPTION_KEYS"):
        Sealer([bytes(32)]).open(rows[0].sealed, "anywhere")
    # A new key seals, and the old one still opens.
    both = Sealer([bytes(32), *parsed(settings.encryption_keys.get_secret_value())])
    assert both.open(both.seal(b"x", "here"), "here") == b"x"
    assert both.open(rows[0].sealed, f"signing_keys:{crew.org_id}:{rows[0].id}")
    viewer = await identity.person(db, settings, crew.org_id, "VIEWER")
    assert await planner.as_(viewer.token).code(renew) == "FORBIDDEN"

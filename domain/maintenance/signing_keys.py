"""The organization's keys that sign PDFs: made on first use under a certificate authority of its own, or imported."""

import asyncio
import base64
import binascii
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, select
from uuid_utils.compat import uuid7

from db.identity.organizations import Organization
from db.maintenance.releases import SigningKey, SigningKeyOrigin
from domain.context import Ctx
from domain.entities import unique
from domain.errors import ErrorCode, UserErrors, refuse
from domain.maintenance.certificates import keys, opening
from domain.maintenance.certificates.keys import Material
from domain.maintenance.certificates.opening import NotOpenedError
from domain.permissions import Permission
from runtime.sealing import SealError, sealer

PREFIX = "sk"
RENEW_BEFORE = timedelta(days=90)
LARGEST_FILE = 100_000
RACE = refuse(ErrorCode.STALE, "Another key was put in place at the same moment; look at it, and try again.")


async def import_pkcs12(ctx: Ctx, *, content: str, password: str) -> UUID:
    """Sign with the key of a PKCS#12 file, given in base64, from now on."""
    ctx.check(Permission.RELEASE_MANAGE)
    try:
        raw = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise refuse(ErrorCode.INVALID, "The file is not in base64.", "input", "pkcs12") from None
    if len(raw) > LARGEST_FILE:
        raise refuse(ErrorCode.TOO_LONG, f"The file has {len(raw)} bytes; a key never needs that.", "input", "pkcs12")
    try:
        material = keys.imported(await opening.opened(raw, password), ctx.now)
    except NotOpenedError as error:
        raise refuse(ErrorCode.INVALID, str(error), "input", "pkcs12") from None
    except UserErrors as refused:
        raise refuse(refused.errors[0].code, refused.errors[0].message, "input", "pkcs12") from None
    await _retire(ctx)
    return await _keep(ctx, material, SigningKeyOrigin.IMPORTED)


async def renew(ctx: Ctx) -> UUID:
    """Sign with a new key from now on, under the organization's own certificate authority."""
    ctx.check(Permission.RELEASE_MANAGE)
    return await _renewed(ctx)


async def current(ctx: Ctx) -> Material:
    """The key to sign with, made when there is none, and renewed in time when we made it ourselves."""
    row = await _current(ctx)
    if row is not None and (row.origin == SigningKeyOrigin.IMPORTED or row.valid_until - RENEW_BEFORE > ctx.now):
        return _opened(ctx, row)
    with suppress(UserErrors):  # another job was first
        await _renewed(ctx)
    row = await _current(ctx)
    assert row is not None
    return _opened(ctx, row)


async def _renewed(ctx: Ctx) -> UUID:
    await _retire(ctx)
    name = await ctx.session.scalar(select(Organization.name).where(Organization.id == ctx.actor.org_id))
    last = await ctx.session.scalar(
        _all(ctx).where(SigningKey.origin == SigningKeyOrigin.OWN_CA).order_by(SigningKey.created_at.desc()).limit(1)
    )
    material = await asyncio.to_thread(keys.made, name or "", ctx.now, _opened(ctx, last) if last else None)
    return await _keep(ctx, material, SigningKeyOrigin.OWN_CA)


async def _retire(ctx: Ctx) -> SigningKey | None:
    row = await ctx.session.scalar(
        _all(ctx).where(SigningKey.retired_at.is_(None)).with_for_update().execution_options(populate_existing=True)
    )
    if row is not None:
        row.retired_at = ctx.now
        await ctx.session.flush()
        ctx.record("signing_key.retired", PREFIX, row.id, after={"retired_at": ctx.now.isoformat()})
    return row


async def _keep(ctx: Ctx, material: Material, origin: SigningKeyOrigin) -> UUID:
    id = uuid7()
    row = SigningKey(
        org_id=ctx.actor.org_id,
        id=id,
        origin=origin,
        subject=material.subject,
        fingerprint=material.fingerprint,
        certificate=keys.pem([material.certificate]),
        chain=keys.pem(material.chain),
        sealed=sealer(ctx.settings).seal(material.private(), _place(ctx, id)),
        valid_from=material.certificate.not_valid_before_utc,
        valid_until=material.certificate.not_valid_after_utc,
    )
    async with unique(ctx, uq_signing_keys_current=RACE):
        ctx.session.add(row)
    after = {"origin": str(origin), "subject": row.subject, "fingerprint": row.fingerprint}
    ctx.record("signing_key.created", PREFIX, id, after=after)
    return id


async def _current(ctx: Ctx) -> SigningKey | None:
    return await ctx.session.scalar(_all(ctx).where(SigningKey.retired_at.is_(None)))


def _all(ctx: Ctx) -> Select[SigningKey]:
    return select(SigningKey).where(SigningKey.org_id == ctx.actor.org_id)


def _opened(ctx: Ctx, row: SigningKey) -> Material:
    try:
        private = sealer(ctx.settings).open(row.sealed, _place(ctx, row.id))
    except SealError:
        message = (
            f"The signing key {row.fingerprint[:16]} was sealed with an encryption key that this server does not have:"
            " its operator has to add that key to ENCRYPTION_KEYS, or somebody imports another signing key."
        )
        raise refuse(ErrorCode.NOT_ALLOWED, message) from None
    return keys.restored(row.certificate, row.chain, private)


def _place(ctx: Ctx, id: UUID) -> str:
    return f"signing_keys:{ctx.actor.org_id}:{id}"

"""What certificates need in the graph: number series, signing keys, and the public's question."""

from typing import Annotated
from uuid import UUID

import strawberry

import graph.maintenance.releases  # noqa: F401 - describes the forms before a type names them
from db.maintenance.releases import CertificateForm, SigningKeyOrigin
from db.maintenance.releases import NumberSeries as NumberSeriesRow
from db.maintenance.releases import SigningKey as SigningKeyRow
from domain.context import Ctx
from domain.maintenance import number_series, signing_keys
from domain.maintenance.verification import ADDRESS, CertificateStatus, verify
from domain.permissions import Permission
from graph.compiler.projection import column, projection, to_one
from graph.compiler.roots import many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.mutations import Guest, mutation
from graph.core.public import public_query
from graph.events.changed import changed
from graph.identity.gate import limiter

describe(
    SigningKeyOrigin,
    "Where a signing key comes from.",
    {
        "OWN_CA": "Made by the platform, under a certificate authority of the organization's own.",
        "IMPORTED": "Imported from a PKCS#12 file.",
    },
)
describe(
    CertificateStatus,
    "What anybody may know of a certificate whose number and token they hold.",
    {
        "GENUINE": "It was issued here, and it is in force.",
        "REVOKED": "It was issued here, and has been revoked: do not rely on it.",
        "SUPERSEDED": "It was issued here, and another certificate has replaced it: ask for that one.",
        "UNKNOWN": "No such certificate was issued here: number and token do not belong together.",
    },
)


@projection(NumberSeriesRow, prefix="ns", requires=Permission.RELEASE_READ, default_order=("form",), logged=True)
class NumberSeries:
    """The numbers of one form of certificate, and what stands at the head of its certificates."""

    form = column(
        "What kind of certificates it numbers; one series a form.",
        enum=CertificateForm,
        filter=True,
        order=True,
        unique=True,
    )
    prefix = column("What numbers begin with, as in `CRS-`.")
    digits = column("How many digits follow at least, filled up with zeros.")
    last_number = column("The number that was given last; 0 when there is none yet. There are no gaps below.")
    organization_name = column("The name of the organization, as certificates state it.")
    address = column("Its address, as certificates state it; lines are separated by line breaks.")
    authority = column("The authority that approved it, and its country, as in `EASA / Portugal`.")
    approval_reference = column("The reference of the approval, as in `PT.145.0123`.")
    logo = to_one("Document", "The logo that is printed; null for none.", via="logo_id")
    version = column("Counts changes of these settings.")
    created_at = column("When it was made.")
    updated_at = column("When it was changed, or gave a number, last.")


@projection(SigningKeyRow, prefix="sk", requires=Permission.RELEASE_READ, default_order=("-createdAt",), logged=True)
class SigningKey:
    """A key that signs, or signed, the PDFs of certificates. Its private part is encrypted and never shown."""

    origin = column("Where it comes from.", enum=SigningKeyOrigin)
    subject = column("Whom its certificate names (RFC 4514).")
    fingerprint = column("SHA-256 of its certificate, in hexadecimal.")
    certificate = column("Its X.509 certificate in PEM.")
    chain = column(
        "The certificates above it in PEM, the root last. Readers of PDF that trust the root show signatures as valid."
    )
    valid_from = column("From when its certificate is valid.")
    valid_until = column("Until when its certificate is valid. Own keys are renewed in time.", filter=True, order=True)
    created_at = column("When it was made or imported.", filter=True, order=True)
    retired_at = column("When another took its place; null for the one that signs now.")


one_series = one("numberSeries", NumberSeries, "A number series by id.")
series_list = many("numberSeriesList", NumberSeries, "The organization's number series, one a form.")
signing_key = one("signingKey", SigningKey, "A signing key by id.")
signing_key_list = many("signingKeys", SigningKey, "The organization's signing keys, the newest first.")


@strawberry.input(description="How certificates of a form are numbered, and what stands at their head.")
class SetNumberSeriesInput:
    form: CertificateForm = strawberry.field(description="What kind of certificates.")
    prefix: str = strawberry.field(
        description="What numbers begin with: 1 to 20 letters, digits and hyphens, a letter or digit first and no "
        "digit last; stored in capital letters. No two forms share one."
    )
    organization_name: str = strawberry.field(description="The name on the approval; 1 to 200 characters.")
    address: str = strawberry.field(description="The address on the approval; at most 500 characters, several lines.")
    authority: str = strawberry.field(
        description="Who approved the organization, and the country: block 1 of a component's form, as in "
        "`EASA / Portugal` or `FAA/United States`."
    )
    approval_reference: str = strawberry.field(description="The reference of the approval; 1 to 50 characters.")
    digits: int = strawberry.field(default=6, description="How many digits follow at least: 1 to 9.")
    logo_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="A picture that was uploaded for ASSET, `doc_…`; null for none."
    )


@strawberry.input(description="A key with its certificate, to sign PDFs with from now on.")
class ImportSigningKeyInput:
    pkcs12: str = strawberry.field(
        description="The PKCS#12 file (.p12, .pfx) in base64: an RSA key of 2048 bits or more, or an ECDSA key; a "
        "certificate for nonRepudiation; and those above it."
    )
    password: str = strawberry.field(description="What opens the file; empty when it has no password.")


@mutation(requires=Permission.RELEASE_MANAGE, entity=("numberSeries", NumberSeries))
async def set_number_series(ctx: Ctx, input: SetNumberSeriesInput) -> UUID:
    """Make the number series of a form, or change what its next certificates look like. Counting goes on: certificates
    that were issued stay as they are."""
    return await number_series.set_up(
        ctx,
        form=input.form,
        prefix=input.prefix,
        digits=input.digits,
        organization_name=input.organization_name,
        address=input.address,
        authority=input.authority,
        approval_reference=input.approval_reference,
        logo_id=ids.decode("doc", input.logo_id) if input.logo_id else None,
    )


@mutation(requires=Permission.RELEASE_MANAGE, entity=("signingKey", SigningKey))
async def import_signing_key(ctx: Ctx, input: ImportSigningKeyInput) -> UUID:
    """Sign PDFs with a key of your own from now on. What was signed before stays as it is."""
    return await signing_keys.import_pkcs12(ctx, content=input.pkcs12, password=input.password)


@mutation(requires=Permission.RELEASE_MANAGE, entity=("signingKey", SigningKey))
async def renew_signing_key(ctx: Ctx) -> UUID:
    """Make a new key under the organization's own certificate authority, and sign with it from now on, also instead of
    an imported one. Without this the first certificate makes the first key."""
    return await signing_keys.renew(ctx)


Number = Annotated[str, strawberry.argument(description="The certificate's number, as it is printed.")]
Token = Annotated[str, strawberry.argument(description="What follows the number in the address of its QR code.")]


@public_query
async def verify_certificate(guest: Guest, number: Number, token: Token) -> CertificateStatus:
    """Whether a certificate is genuine, and nothing else of it. It needs no sign-in; an address may ask some thirty
    times a minute. The page `/verify/<number>/<token>` says the same to people."""
    await limiter(guest.platform.redis).take(ADDRESS, guest.address)
    return await verify(guest.platform.db, number, token)


QUERIES = [one_series, series_list, signing_key, signing_key_list]
PUBLIC_QUERIES = [verify_certificate]
MUTATIONS = [set_number_series, import_signing_key, renew_signing_key]
SUBSCRIPTIONS = [changed(NumberSeries), changed(SigningKey)]

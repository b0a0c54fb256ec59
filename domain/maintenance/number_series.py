"""Number series: numbers without gaps, and the head of the certificates that bear them."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from db.files.documents import DocumentPurpose
from db.maintenance.releases import CertificateForm, NumberSeries, Release
from domain import entities
from domain.context import Ctx
from domain.errors import ErrorCode, UserError, UserErrors
from domain.files import documents
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import snapshot
from domain.maintenance.rules import certificates
from domain.maintenance.rules import series as rules
from domain.permissions import Permission

PREFIX = "ns"
HEAD = ("organization_name", "address", "authority", "approval_reference")
FIELDS = ("form", "prefix", "digits", *HEAD, "logo_id")


async def set_up(
    ctx: Ctx,
    *,
    form: CertificateForm,
    prefix: str,
    digits: int,
    organization_name: str,
    address: str,
    authority: str,
    approval_reference: str,
    logo_id: UUID | None = None,
) -> UUID:
    """Make the series of a form, or change what its next certificates look like; counting goes on."""
    ctx.check(Permission.RELEASE_MANAGE)
    refusals = Refusals()
    values: dict[str, Any] = {
        "prefix": refusals.take(rules.prefix, prefix, "prefix"),
        "digits": refusals.take(rules.digits, digits, "digits"),
        "organization_name": refusals.take(rules.organization_name, organization_name, "organizationName"),
        "address": refusals.take(rules.address, address, "address"),
        "authority": refusals.take(rules.authority, authority, "authority"),
        "approval_reference": refusals.take(rules.approval_reference, approval_reference, "approvalReference"),
        "logo_id": logo_id,
    }
    taken = await _taken(ctx, form, values["prefix"])
    refusals.errors += [taken] if taken else []
    if logo_id is not None and (problem := await documents.problem(ctx, logo_id, DocumentPurpose.ASSET)):
        refusals.add(problem.code, problem.message, "logoId")
    refusals.finish()
    async with entities.unique(ctx, uq_number_series_org_id_prefix=UserErrors(_is_taken(prefix))):
        return await _kept(ctx, form, values)


async def _kept(ctx: Ctx, form: CertificateForm, values: dict[str, Any]) -> UUID:
    found = await ctx.session.scalar(select(NumberSeries).where(*_of(ctx, form)).with_for_update())
    if found is None:
        found = NumberSeries(org_id=ctx.actor.org_id, form=form, **values)
        ctx.session.add(found)
        await ctx.session.flush()
        ctx.record("number_series.created", PREFIX, found.id, after=snapshot(found, FIELDS))
        return found.id
    before, after = entities.change(found, **values)
    await ctx.session.flush()
    if after:
        ctx.record("number_series.updated", PREFIX, found.id, before=before, after=after)
    return found.id


async def find(ctx: Ctx, refusals: Refusals, form: CertificateForm) -> NumberSeries | None:
    """The series of a form; a refusal that says how to make it when there is none."""
    found = await ctx.session.scalar(select(NumberSeries).where(*_of(ctx, form)))
    if found is None:
        refusals.add(
            ErrorCode.REQUIRED,
            f"The organization has no number series for {form.value} yet; somebody with the permission RELEASE_MANAGE"
            " sets it up by setNumberSeries.",
        )
    return found


async def take(ctx: Ctx, form: CertificateForm) -> tuple[NumberSeries, str]:
    """The series as it is now, and its next number. The row stays locked until the transaction ends, and with it the
    number comes or goes: take it last, because every other release of the form waits."""
    raised = update(NumberSeries).where(*_of(ctx, form)).values(last_number=NumberSeries.last_number + 1)
    series = (
        await ctx.session.execute(
            raised.returning(NumberSeries).execution_options(populate_existing=True, synchronize_session=False)
        )
    ).scalar_one()
    return series, certificates.numbered(series.prefix, series.digits, series.last_number)


def _of(ctx: Ctx, form: CertificateForm) -> tuple[Any, Any]:
    return NumberSeries.org_id == ctx.actor.org_id, NumberSeries.form == form


async def _taken(ctx: Ctx, form: CertificateForm, prefix: str | None) -> UserError | None:
    """A prefix belongs to one form for ever: certificates under it are out there."""
    if prefix is None:
        return None
    used = await ctx.session.scalar(
        select(Release.id)
        .where(
            Release.org_id == ctx.actor.org_id,
            Release.form != form,
            Release.number.regexp_match(f"^{prefix}[0-9]+$"),
        )
        .limit(1)
    )
    held = await ctx.session.scalar(
        select(NumberSeries.id).where(
            NumberSeries.org_id == ctx.actor.org_id, NumberSeries.form != form, NumberSeries.prefix == prefix
        )
    )
    return _is_taken(prefix) if used or held else None


def _is_taken(prefix: str) -> UserError:
    message = f"Certificates of another form are numbered {prefix}…; take another prefix."
    return UserError(ErrorCode.TAKEN, message, ("input", "prefix"))

"""Certificates of release in the graph."""

from uuid import UUID

import strawberry

from db.maintenance.releases import CertificateForm, ComponentWork, ReleaseStatus
from db.maintenance.releases import Release as ReleaseRow
from db.maintenance.releases import ReleaseRevocation as ReleaseRevocationRow
from domain.context import Ctx
from domain.maintenance import releases
from domain.maintenance.releases import Texts
from domain.permissions import Permission
from graph.compiler.projection import column, computed, projection, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.mutations import mutation
from graph.events.changed import changed

describe(
    CertificateForm,
    "What kind of certificate it is.",
    {
        "CRS": "Certificate of release to service of an aircraft (145.A.50; 14 CFR 43.9 and 43.11).",
        "EASA_FORM_1": "Authorised release certificate of a component, EASA Form 1 (Part-M Appendix II).",
        "FAA_8130_3": "Authorized release certificate of a component, FAA Form 8130-3.",
    },
)
describe(
    ReleaseStatus,
    "Whether a certificate is in force.",
    {
        "ISSUED": "In force.",
        "REVOKED": "Revoked by a later record, which says why.",
        "SUPERSEDED": "Replaced by a later certificate.",
    },
)
describe(
    ComponentWork,
    "What was done to a component: block 11 of its form, which knows no other words after maintenance.",
    {
        "OVERHAULED": "Restored to a condition that complies with all requirements of its overhaul data.",
        "REPAIRED": "Defects rectified to an applicable standard.",
        "INSPECTED_TESTED": "Examined or measured to an applicable standard.",
        "MODIFIED": "Altered to conform to an applicable standard.",
    },
)


@projection(ReleaseRow, prefix="crs", requires=Permission.RELEASE_READ, default_order=("-createdAt",), logged=True)
class Release:
    """A certificate of release: of an aircraft after a work order, or of a component. It never changes; it can be
    revoked, or superseded by another. Its PDF is made by a worker some moments later, and is signed electronically."""

    number = column(
        "Its number, from the organization's series of the form, without gaps.", filter=True, order=True, unique=True
    )
    form = column("What kind of certificate it is.", enum=CertificateForm, filter=True, order=True)
    status = column("Whether it is in force.", enum=ReleaseStatus, filter=True, order=True)
    aircraft = to_one("Aircraft", "The aircraft that it releases; null for a component.", via="aircraft_id")
    aircraft_id = column("The id of the aircraft, for filters.", id_prefix="ac", filter=True)
    component = to_one("Component", "The component that it releases; null for an aircraft.", via="component_id")
    component_id = column("The id of the component, for filters.", id_prefix="cmp", filter=True)
    work_order = to_one(
        "WorkOrder", "The work order whose work it certifies; null when none is named.", via="work_order_id"
    )
    work_order_id = column("The id of the work order, for filters.", id_prefix="wo", filter=True)
    work = column("What was done to the component; null for an aircraft.", enum=ComponentWork, filter=True, order=True)
    signatory = to_one(
        "User",
        "Who signed it; null when that person is no member any more. `content` names them all the same.",
        via="signatory_id",
        nullable=True,
    )
    signatory_id = column("The id of who signed it, for filters.", id_prefix="usr", filter=True)
    authorisation = to_one("Authorisation", "The authorisation that it was signed by.", via="authorisation_id")
    authorisation_id = column("The id of the authorisation, for filters.", id_prefix="aut", filter=True)
    released_on = column("The day of the release, in the organization's time zone.", filter=True, order=True)
    total_minutes = column("Flight time since new at the release, in minutes: the aircraft's or the component's.")
    total_cycles = column("Flight cycles since new at the release: the aircraft's or the component's.")
    limitations = column("Limitations of the aircraft or component; null when there are none.")
    incomplete_work = column("Work that was ordered and not done; null when there is none.")
    remarks = column("Remarks; on a component's form the description of the work. Null when there are none.")
    content = computed(
        "Everything that the certificate says, frozen when it was issued; the PDF has the same data attached.",
        dict,
        lambda m, _: m.content,
    )
    verification_path = computed(
        "The path, on this server, of the public page that says whether it is genuine; the PDF's QR code leads there.",
        str,
        lambda m, _: "/verify/" + m.number + "/" + m.token,
    )
    document = to_one("Document", "The signed PDF; null until the worker has made it.", via="document_id")
    document_id = column("The id of the PDF, for filters and links.", id_prefix="doc", filter=True)
    supersedes = to_one("Release", "The certificate that it replaces; null when there is none.", via="supersedes_id")
    superseded_by = to_one(
        "Release",
        "The certificate that replaces it; null when there is none.",
        on=lambda release, later, _: (later.org_id == release.org_id) & (later.supersedes_id == release.id),
    )
    revocation = to_one(
        "ReleaseRevocation",
        "The record that revokes it; null when there is none.",
        on=lambda release, later, _: (later.org_id == release.org_id) & (later.release_id == release.id),
    )
    created_at = column("When it was issued.", filter=True, order=True)


@projection(
    ReleaseRevocationRow, prefix="rvk", requires=Permission.RELEASE_READ, default_order=("-createdAt",), logged=True
)
class ReleaseRevocation:
    """The record that revokes a certificate. It never changes."""

    release = to_one("Release", "The certificate that it revokes.", via="release_id")
    release_id = column("The id of the certificate, for filters.", id_prefix="crs", filter=True)
    reason = column("Why it is revoked.")
    revoked_by = to_one(
        "User", "Who revoked it; null when that person is no member any more.", via="revoked_by_id", nullable=True
    )
    revoked_by_id = column("The id of who revoked it, for filters.", id_prefix="usr", filter=True)
    created_at = column("When it was revoked.", filter=True, order=True)


release = one("release", Release, "A certificate of release by id.")
release_list = many("releases", Release, "The organization's certificates of release.")
release_aggregate = aggregate("releaseAggregate", Release, "How many certificates, by form, status, aircraft or time.")
revocation = one("releaseRevocation", ReleaseRevocation, "A revocation by id.")
revocations = many("releaseRevocations", ReleaseRevocation, "The revocations of the organization's certificates.")

LIMITATIONS = "Limitations to fly or to install with; at most 4,000 characters, null for none."
INCOMPLETE = "Work that was ordered and not done (145.A.50(e)); at most 4,000 characters, null for none."
SUPERSEDES = (
    "The last certificate of the same work order or component, `crs_…`, which this one replaces, for instance after a "
    "mistake; it stays, and is SUPERSEDED unless it was revoked."
)


@strawberry.input(description="The release of an aircraft after a work order.")
class ReleaseAircraftInput:
    work_order_id: strawberry.ID = strawberry.field(
        description="The work order, `wo_…`: AWAITING_RELEASE, which makes it RELEASED."
    )
    limitations: str | None = strawberry.field(default=strawberry.UNSET, description=LIMITATIONS)
    incomplete_work: str | None = strawberry.field(default=strawberry.UNSET, description=INCOMPLETE)
    remarks: str | None = strawberry.field(
        default=strawberry.UNSET, description="Remarks; at most 4,000 characters, null for none."
    )
    supersedes_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=SUPERSEDES)


@strawberry.input(description="The release of a component after maintenance.")
class ReleaseComponentInput:
    component_id: strawberry.ID = strawberry.field(description="The component, `cmp_…`.")
    form: CertificateForm = strawberry.field(description="EASA_FORM_1 or FAA_8130_3.")
    work: ComponentWork = strawberry.field(description="Block 11: what was done.")
    remarks: str = strawberry.field(
        description="Block 12: the work in words, or a reference to what describes it; at most 4,000 characters. The "
        "component's life since new and since overhaul is added by itself."
    )
    work_order_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="Block 5: the work order, `wo_…`, with all of its cards closed; null when there is none.",
    )
    limitations: str | None = strawberry.field(default=strawberry.UNSET, description=LIMITATIONS)
    incomplete_work: str | None = strawberry.field(default=strawberry.UNSET, description=INCOMPLETE)
    supersedes_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=SUPERSEDES)


@strawberry.input(description="The revocation of a certificate.")
class RevokeReleaseInput:
    id: strawberry.ID = strawberry.field(description="The certificate, `crs_…`: one that is ISSUED.")
    reason: str = strawberry.field(description="Why it is revoked; 1 to 1,000 characters.")


@mutation(requires=Permission.RELEASE_ISSUE, entity=("release", Release))
async def release_aircraft(ctx: Ctx, input: ReleaseAircraftInput) -> UUID:
    """Certify the release of an aircraft to service, in your own name. Refused, with every reason listed, while a card
    is open, a required inspection is missing, a directive or airworthiness limitation of the aircraft is overdue, a
    defect is open or its deferral overdue, or your authorisation is not effective. The number is taken from the
    series when nothing is refused. A worker makes the signed PDF: `releaseChanged` tells when `document` is there."""
    return await releases.release_aircraft(
        ctx,
        work_order_id=ids.decode("wo", input.work_order_id),
        said=Texts(input.limitations or None, input.incomplete_work or None, input.remarks or None),
        supersedes_id=_optional("crs", input.supersedes_id),
    )


@mutation(requires=Permission.RELEASE_ISSUE, entity=("release", Release))
async def release_component(ctx: Ctx, input: ReleaseComponentInput) -> UUID:
    """Certify the release of a component after maintenance on EASA Form 1 or FAA Form 8130-3, in your own name, by an
    authorisation of the privilege COMPONENT_CERTIFYING. A worker makes the signed PDF."""
    return await releases.release_component(
        ctx,
        component_id=ids.decode("cmp", input.component_id),
        form=input.form,
        work=input.work,
        said=Texts(input.limitations or None, input.incomplete_work or None, input.remarks),
        work_order_id=_optional("wo", input.work_order_id),
        supersedes_id=_optional("crs", input.supersedes_id),
    )


@mutation(requires=Permission.RELEASE_REVOKE, entity=("release", Release))
async def revoke_release(ctx: Ctx, input: RevokeReleaseInput) -> UUID:
    """Revoke a certificate, for good. It stays as it was issued; who verifies it is told that it is revoked."""
    return await releases.revoke(ctx, ids.decode("crs", input.id), reason=input.reason)


def _optional(prefix: str, id: strawberry.ID | None) -> UUID | None:
    return ids.decode(prefix, id) if id else None


QUERIES = [release, release_list, release_aggregate, revocation, revocations]
MUTATIONS = [release_aircraft, release_component, revoke_release]
SUBSCRIPTIONS = [changed(Release)]

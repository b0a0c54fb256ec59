"""Licences in the graph."""

from datetime import date
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from db.workforce.licences import Licence as LicenceRow
from domain.context import Ctx
from domain.permissions import Permission
from domain.workforce import licences
from graph.compiler.projection import column, projection, to_many, to_one
from graph.compiler.roots import many, one
from graph.core import ids
from graph.core.inputs import EXPECTED_VERSION, Version, given
from graph.core.mutations import mutation
from graph.events.changed import changed


@projection(LicenceRow, prefix="lic", requires=Permission.WORKFORCE_READ, default_order=("number",), logged=True)
class Licence:
    """A licence that an authority gave to somebody, like an aircraft maintenance licence after Part-66."""

    user = to_one("User", "Whose it is; null when they have left the organization.", via="user_id", nullable=True)
    user_id = column("The id of whose it is, for filters.", id_prefix="usr", filter=True)
    authority = column("Who gave it, in capital letters, as in `EASA DE`.", filter=True, order=True, search=True)
    number = column(
        "Its number in capital letters, as in `DE.66.12345`; unique with the authority.",
        filter=True,
        order=True,
        search=True,
    )
    categories = column("Categories and ratings, as in `B1.1, C`; null when not stated.", search=True)
    issued_on = column("The first day that it is valid; null when not stated.")
    expires_on = column("The last day that it is valid; null for ever.", filter=True, order=True)
    evidence = to_one(
        "Document", "A copy of it; null when there is none.", via="evidence_id", requires=Permission.DOCUMENT_READ
    )
    authorisations = to_many("Authorisation", "What stands on it.", via="licence_id")
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was added.", filter=True, order=True)
    updated_at = column("When it was last changed.")


licence = one("licence", Licence, "A licence by id.")
licence_list = many("licences", Licence, "The licences of the organization's people.")

AUTHORITY = "Who gave it; 1 to 50 characters, stored in capital letters."
NUMBER = "Its number; 1 to 50 characters, stored in capital letters, unique with the authority."
CATEGORIES = "Categories and ratings; at most 200 characters."
ISSUED = "The first day that it is valid."
EXPIRES = "The last day that it is valid, after `issuedOn`; null for ever."
EVIDENCE = "A copy of it: a document that was uploaded for EVIDENCE, `doc_…`."


@strawberry.input(description="A licence that somebody has.")
class CreateLicenceInput:
    user_id: strawberry.ID = strawberry.field(description="Whose it is: a member of the organization, `usr_…`.")
    authority: str = strawberry.field(description=AUTHORITY)
    number: str = strawberry.field(description=NUMBER)
    categories: str | None = strawberry.field(default=strawberry.UNSET, description=CATEGORIES)
    issued_on: date | None = strawberry.field(default=strawberry.UNSET, description=ISSUED)
    expires_on: date | None = strawberry.field(default=strawberry.UNSET, description=EXPIRES)
    evidence_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=EVIDENCE)


@strawberry.input(description="What to change of a licence, as when it was renewed. What is absent stays.")
class UpdateLicenceInput:
    id: strawberry.ID = strawberry.field(description="The licence, `lic_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    authority: str | None = strawberry.field(default=strawberry.UNSET, description=AUTHORITY)
    number: str | None = strawberry.field(default=strawberry.UNSET, description=NUMBER)
    categories: str | None = strawberry.field(default=strawberry.UNSET, description=CATEGORIES + " Null clears.")
    issued_on: date | None = strawberry.field(default=strawberry.UNSET, description=ISSUED + " Null: not stated.")
    expires_on: date | None = strawberry.field(default=strawberry.UNSET, description=EXPIRES)
    evidence_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description=EVIDENCE + " Null clears."
    )


@mutation(requires=Permission.WORKFORCE_MANAGE, entity=("licence", Licence))
async def create_licence(ctx: Ctx, input: CreateLicenceInput) -> UUID:
    """Add a licence of somebody."""
    return await licences.create(ctx, **given(input, prefixes={"user_id": "usr", "evidence_id": "doc"}))


@mutation(requires=Permission.WORKFORCE_MANAGE, entity=("licence", Licence))
async def update_licence(ctx: Ctx, input: UpdateLicenceInput) -> UUID:
    """Change a licence. What stands on it is effective, or not, by the new dates at once."""
    changes = given(input, but=("id", "expected_version"), prefixes={"evidence_id": "doc"})
    return await licences.update(
        ctx,
        ids.decode("lic", input.id),
        expected_version=input.expected_version,
        changes=cast(licences.Changes, changes),
    )


LicenceId = Annotated[strawberry.ID, strawberry.argument(description="The licence, `lic_…`.")]


@mutation(
    requires=Permission.WORKFORCE_MANAGE,
    payload={"deletedId": (strawberry.ID | None, "The licence that is gone; null when there are errors.")},
)
async def delete_licence(ctx: Ctx, id: LicenceId, expected_version: Version) -> dict[str, Any]:
    """Delete a licence that was entered by mistake. One that an authorisation stands on is kept, which is IN_USE."""
    deleted = await licences.delete(ctx, ids.decode("lic", id), expected_version=expected_version)
    return {"deletedId": ids.encode("lic", deleted)}


QUERIES = [licence, licence_list]
MUTATIONS = [create_licence, update_licence, delete_licence]
SUBSCRIPTIONS = [changed(Licence)]

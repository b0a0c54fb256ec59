"""The peer: Strawberry with DataLoaders over SQLAlchemy, as a good engineer writes it.

Async sessions on asyncpg with a pool of the same size as ours, one loader an edge, relations batched by one statement
each (the first five of each parent by a lateral join), Strawberry's own ASGI integration, parser and validation
caches. No sign-in and no row-level security; the organization is a header.
"""

import os
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import ARRAY, Select, Uuid, column, func, literal, select, true, tuple_
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import aliased
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig

from bench.reading import cursors
from db.fleet.aircraft import Aircraft as AircraftRow
from db.fleet.aircraft import AircraftStatus
from db.fleet.aircraft_types import AircraftType as AircraftTypeRow
from db.fleet.utilisation import UtilisationEntry as EntryRow
from db.fleet.utilisation import UtilisationKind
from db.identity.users import User as UserRow
from db.session import async_url

engine = create_async_engine(
    async_url(os.environ.get("BENCH_DATABASE_URL", "postgresql://127.0.0.1/none")),
    pool_size=int(os.environ.get("BENCH_CONNECTIONS", "12")),
    max_overflow=0,
    connect_args={"server_settings": {"jit": "off", "timezone": "UTC"}},
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
strawberry.enum(AircraftStatus)
strawberry.enum(UtilisationKind)


class Loaders:
    """One request's batches. Sibling fields run at once, so every batch takes a session of its own."""

    def __init__(self, org_id: UUID) -> None:
        self.org_id = org_id
        self.people: DataLoader[UUID, UserRow | None] = DataLoader(self._people)
        self.types: DataLoader[UUID, AircraftTypeRow] = DataLoader(self._types)
        self.aircraft: DataLoader[UUID, AircraftRow] = DataLoader(self._aircraft)
        self.corrections: DataLoader[tuple[UUID, int], list[EntryRow]] = DataLoader(self._corrections)
        self.utilisation: DataLoader[tuple[UUID, int], list[EntryRow]] = DataLoader(self._utilisation)

    async def _people(self, ids: list[UUID]) -> list[UserRow | None]:
        found = {row.id: row for row in await rows(select(UserRow).where(UserRow.id.in_(ids)))}
        return [found.get(each) for each in ids]

    async def _types(self, ids: list[UUID]) -> list[AircraftTypeRow]:
        query = select(AircraftTypeRow).where(AircraftTypeRow.org_id == self.org_id, AircraftTypeRow.id.in_(ids))
        found = {row.id: row for row in await rows(query)}
        return [found[each] for each in ids]

    async def _aircraft(self, ids: list[UUID]) -> list[AircraftRow]:
        query = select(AircraftRow).where(AircraftRow.org_id == self.org_id, AircraftRow.id.in_(ids))
        found = {row.id: row for row in await rows(query)}
        return [found[each] for each in ids]

    async def _corrections(self, keys: list[tuple[UUID, int]]) -> list[list[EntryRow]]:
        return await self._latest(keys, EntryRow.corrects_id)

    async def _utilisation(self, keys: list[tuple[UUID, int]]) -> list[list[EntryRow]]:
        return await self._latest(keys, EntryRow.aircraft_id)

    async def _latest(self, keys: list[tuple[UUID, int]], via: Any) -> list[list[EntryRow]]:
        """The latest entries of each parent, by one statement for all of them."""
        parents = [parent for parent, _ in keys]
        given = literal(parents, ARRAY(Uuid()))
        parent = func.unnest(given).table_valued(column("id", Uuid()), name="parent").render_derived()
        top = (
            select(EntryRow)
            .where(EntryRow.org_id == self.org_id, via == parent.c.id)
            .order_by(EntryRow.flown_on.desc(), EntryRow.id.desc())
            .limit(max(first for _, first in keys))
            .lateral("top")
        )
        entry = aliased(EntryRow, top)
        grouped: dict[UUID, list[EntryRow]] = {each: [] for each in parents}
        async with sessions() as session:
            for key, found in (await session.execute(select(parent.c.id, entry).join(entry, true()))).all():
                grouped[key].append(found)
        return [grouped[each][:first] for each, first in keys]


async def rows(query: Select[Any]) -> Sequence[Any]:
    async with sessions() as session:
        return (await session.scalars(query)).all()


Info = strawberry.Info[Loaders, None]


@strawberry.type
class User:
    id: strawberry.ID
    name: str

    @classmethod
    def of(cls, row: UserRow) -> "User":
        return cls(id=strawberry.ID(f"usr_{row.id}"), name=row.name)


@strawberry.type
class AircraftType:
    id: strawberry.ID
    manufacturer: str
    model: str


@strawberry.type
class Aircraft:
    row: strawberry.Private[AircraftRow]
    id: strawberry.ID
    registration: str
    serial_number: str
    status: AircraftStatus
    manufactured_on: date | None
    base_airport: str | None
    total_cycles: int
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: AircraftRow) -> "Aircraft":
        return cls(
            row=row,
            id=strawberry.ID(f"ac_{row.id}"),
            registration=row.registration,
            serial_number=row.serial_number,
            status=AircraftStatus(row.status),
            manufactured_on=row.manufactured_on,
            base_airport=row.base_airport,
            total_cycles=row.total_cycles,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    @strawberry.field
    async def type(self, info: Info) -> AircraftType:
        row = await info.context.types.load(self.row.type_id)
        return AircraftType(id=strawberry.ID(f"at_{row.id}"), manufacturer=row.manufacturer, model=row.model)

    @strawberry.field
    async def utilisation(self, info: Info, first: int) -> "UtilisationEntryConnection":
        found = await info.context.utilisation.load((self.row.id, first))
        return UtilisationEntryConnection(nodes=[UtilisationEntry.of(row) for row in found])


@strawberry.type
class UtilisationEntry:
    row: strawberry.Private[EntryRow]
    id: strawberry.ID
    kind: UtilisationKind
    flown_on: date
    minutes: int
    cycles: int
    note: str | None

    @classmethod
    def of(cls, row: EntryRow) -> "UtilisationEntry":
        return cls(
            row=row,
            id=strawberry.ID(f"ut_{row.id}"),
            kind=UtilisationKind(row.kind),
            flown_on=row.flown_on,
            minutes=row.minutes,
            cycles=row.cycles,
            note=row.note,
        )

    @strawberry.field
    async def aircraft(self, info: Info) -> Aircraft:
        return Aircraft.of(await info.context.aircraft.load(self.row.aircraft_id))

    @strawberry.field
    async def reporter(self, info: Info) -> User | None:
        if self.row.reporter_id is None:
            return None
        row = await info.context.people.load(self.row.reporter_id)
        return User.of(row) if row else None

    @strawberry.field
    async def corrections(self, info: Info, first: int) -> "UtilisationEntryConnection":
        found = await info.context.corrections.load((self.row.id, first))
        return UtilisationEntryConnection(nodes=[UtilisationEntry.of(row) for row in found])


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class UtilisationEntryConnection:
    nodes: list[UtilisationEntry]


@strawberry.type
class AircraftConnection:
    nodes: list[Aircraft]
    page_info: PageInfo


@strawberry.type
class Query:
    @strawberry.field
    async def aircraft(self, info: Info, id: strawberry.ID) -> Aircraft | None:
        async with sessions() as session:
            row = await session.get(AircraftRow, (info.context.org_id, UUID(id[3:])))
        return Aircraft.of(row) if row else None

    @strawberry.field
    async def aircraft_list(self, info: Info, first: int, after: str | None = None) -> AircraftConnection:
        key = (AircraftRow.registration, AircraftRow.id)
        query = select(AircraftRow).where(AircraftRow.org_id == info.context.org_id).order_by(*key).limit(first + 1)
        if after is not None:
            query = query.where(tuple_(*key) > tuple_(*cursors.registration(after)))
        found = await rows(query)
        nodes = [Aircraft.of(row) for row in found[:first]]
        last = found[len(nodes) - 1] if nodes else None
        end = cursors.encode(cursors.BY_REGISTRATION, (last.registration, str(last.id))) if last else None
        return AircraftConnection(nodes=nodes, page_info=PageInfo(has_next_page=len(found) > first, end_cursor=end))

    @strawberry.field
    async def utilisation_entries(
        self, info: Info, first: int, kind: UtilisationKind, after: str | None = None
    ) -> UtilisationEntryConnection:
        key = (EntryRow.created_at, EntryRow.id)
        query = select(EntryRow).where(EntryRow.org_id == info.context.org_id, EntryRow.kind == kind)
        if after is not None:
            query = query.where(tuple_(*key) > tuple_(*cursors.created_at(after)))
        found = await rows(query.order_by(*key).limit(first))
        return UtilisationEntryConnection(nodes=[UtilisationEntry.of(row) for row in found])


class Server(GraphQL[Loaders, None]):
    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Loaders:
        return Loaders(UUID(request.headers["x-organization"]))


schema = strawberry.Schema(
    Query,
    extensions=[lambda: ParserCache(maxsize=100), lambda: ValidationCache(maxsize=100)],
    config=StrawberryConfig(disable_field_suggestions=True),
)
app = Starlette(routes=[Route("/graphql", Server(schema, graphql_ide=None))])

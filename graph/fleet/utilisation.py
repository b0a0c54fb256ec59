"""The utilisation log in the graph."""

from datetime import date
from uuid import UUID

import strawberry

from db.fleet.utilisation import UtilisationEntry as UtilisationEntryRow
from db.fleet.utilisation import UtilisationKind
from domain.context import Ctx
from domain.fleet import utilisation
from domain.fleet.utilisation import Flight
from domain.permissions import Permission
from graph.compiler.projection import column, projection, to_many, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.mutations import mutation
from graph.fleet.aircraft import Aircraft, OpeningInput, opening_of

describe(
    UtilisationKind,
    "What an entry of the utilisation log is.",
    {
        "OPENING": "What the aircraft had flown before its log began; at most one an aircraft.",
        "FLIGHT": "A flight, or one day's flights.",
        "CORRECTION": "The difference that makes the entry it names count for its right value.",
    },
)


@projection(UtilisationEntryRow, prefix="ut", requires=Permission.FLEET_READ, default_order=("-flownOn",), logged=True)
class UtilisationEntry:
    """One entry of an aircraft's utilisation log. Entries are never changed or deleted: `correctUtilisation` adds a
    correction. An aircraft's totals are the sum of its entries."""

    aircraft = to_one("Aircraft", "Whose log it is in.", via="aircraft_id")
    aircraft_id = column("The id of the aircraft, for filters.", id_prefix="ac", filter=True)
    kind = column("What kind of entry it is.", enum=UtilisationKind, filter=True, order=True)
    flown_on = column("The day it counts for, in the organization's time zone.", filter=True, order=True)
    minutes = column("Flight time in minutes; negative only in a correction that lowers.")
    cycles = column("Flight cycles; negative only in a correction that lowers.")
    reporter = to_one(
        "User",
        "Who recorded it; null when it was imported at the command line, or by somebody who is no member.",
        via="reporter_id",
        nullable=True,
    )
    reporter_id = column("The id of who recorded it, for filters.", id_prefix="usr", filter=True)
    corrects = to_one(
        "UtilisationEntry", "The entry that this one corrects; null unless a correction.", via="corrects_id"
    )
    corrections = to_many("UtilisationEntry", "The corrections of this entry.", via="corrects_id")
    note = column("A remark; null when there is none.")
    created_at = column("When it was recorded.", filter=True, order=True)


utilisation_entry = one("utilisationEntry", UtilisationEntry, "An entry of a utilisation log by id.")
utilisation_entries = many(
    "utilisationEntries", UtilisationEntry, "The utilisation logs of all the organization's aircraft."
)

FLOWN_ON = "The day it was flown: not in the future in the organization's time zone, not before manufacture."
MINUTES = "Flight time in minutes. All flights of an aircraft on one day fit into 24 hours."
CYCLES = "Flight cycles; 0 or more, and not 0 when there are no minutes."
NOTE = "A remark; at most 1,000 characters."


@strawberry.input(description="What an aircraft flew on one day.")
class FlightInput:
    flown_on: date = strawberry.field(description=FLOWN_ON)
    minutes: int = strawberry.field(description=MINUTES)
    cycles: int = strawberry.field(description=CYCLES)
    note: str | None = strawberry.field(default=strawberry.UNSET, description=NOTE)


@strawberry.input(description="What to add to an aircraft's utilisation log.")
class RecordUtilisationInput:
    aircraft_id: strawberry.ID = strawberry.field(description="The aircraft, `ac_…`; not a retired one.")
    flown_on: date = strawberry.field(description=FLOWN_ON)
    minutes: int = strawberry.field(description=MINUTES)
    cycles: int = strawberry.field(description=CYCLES)
    note: str | None = strawberry.field(default=strawberry.UNSET, description=NOTE)


@strawberry.input(description="Several flights of one aircraft.")
class RecordFlightsInput:
    aircraft_id: strawberry.ID = strawberry.field(description="The aircraft, `ac_…`; not a retired one.")
    flights: list[FlightInput] = strawberry.field(description="1 to 1,000 entries; all are recorded, or none.")


@strawberry.input(description="The opening entry of an aircraft that was added without one.")
class OpenUtilisationInput:
    aircraft_id: strawberry.ID = strawberry.field(description="The aircraft, `ac_…`.")
    opening: OpeningInput = strawberry.field(description="What it had flown before its log began; not nothing.")


@strawberry.input(description="What an entry of the log should have said.")
class CorrectUtilisationInput:
    entry_id: strawberry.ID = strawberry.field(
        description="The entry, `ut_…`. Not itself a correction: correct the entry that it names again."
    )
    minutes: int = strawberry.field(description="The right flight time, in minutes; not the difference.")
    cycles: int = strawberry.field(description="The right number of cycles; not the difference.")
    note: str | None = strawberry.field(default=strawberry.UNSET, description="Why; at most 1,000 characters.")


@mutation(requires=Permission.UTILISATION_RECORD, entity=("utilisationEntry", UtilisationEntry))
async def record_utilisation(ctx: Ctx, input: RecordUtilisationInput) -> UUID:
    """Add a flight to an aircraft's log; its totals grow by it."""
    return await utilisation.record(
        ctx,
        aircraft_id=ids.decode("ac", input.aircraft_id),
        flown_on=input.flown_on,
        minutes=input.minutes,
        cycles=input.cycles,
        note=input.note or None,
    )


@mutation(requires=Permission.UTILISATION_RECORD, entity=("aircraft", Aircraft))
async def record_flights(ctx: Ctx, input: RecordFlightsInput) -> UUID:
    """Add several flights to one aircraft's log at once, all or none; the paths of errors name the flight."""
    aircraft_id = ids.decode("ac", input.aircraft_id)
    flights = [Flight(item.flown_on, item.minutes, item.cycles, item.note or None) for item in input.flights]
    await utilisation.record_flights(ctx, aircraft_id=aircraft_id, flights=flights)
    return aircraft_id


@mutation(requires=Permission.UTILISATION_RECORD, entity=("utilisationEntry", UtilisationEntry))
async def open_utilisation(ctx: Ctx, input: OpenUtilisationInput) -> UUID:
    """Add the opening entry to the log of an aircraft that has none."""
    opening = opening_of(input.opening)
    assert opening is not None
    return await utilisation.open_aircraft_log(ctx, aircraft_id=ids.decode("ac", input.aircraft_id), opening=opening)


@mutation(requires=Permission.UTILISATION_RECORD, entity=("utilisationEntry", UtilisationEntry))
async def correct_utilisation(ctx: Ctx, input: CorrectUtilisationInput) -> UUID:
    """State what an entry should have said. The log gets a correction that holds the difference, and the aircraft's
    totals follow. It may be done again: each correction counts from what the entry counts for by then."""
    return await utilisation.correct(
        ctx,
        ids.decode("ut", input.entry_id),
        minutes=input.minutes,
        cycles=input.cycles,
        note=input.note or None,
    )


utilisation_aggregate = aggregate(
    "utilisationAggregate", UtilisationEntry, "What was flown, by aircraft, kind, reporter or time."
)

QUERIES = [utilisation_entry, utilisation_entries, utilisation_aggregate]
MUTATIONS = [record_utilisation, record_flights, open_utilisation, correct_utilisation]

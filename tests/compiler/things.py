"""A room that shows the log once more, with unions and facets as later rooms will declare them."""

from sqlalchemy import func, literal

from db.events.log import EventLog
from domain.permissions import Permission
from graph.compiler.abstract import case, facet, interface, shared, to_any, union
from graph.compiler.projection import column, computed, projection
from graph.compiler.roots import many, one
from graph.core.room import Room
from graph.schema import BuiltSchema, rooms


@interface
class Numbered:
    """What has a number."""

    sequence = shared("The number.", int)


@facet(implements=("Numbered",))
class Label:
    """What an entry says when it is about nothing."""

    sequence = computed("The entry's number.", int, lambda m, _: m.seq)
    text = computed("The entry's type in capitals.", str, lambda m, _: func.upper(m.type))
    asked_by = computed("Who asks.", str, lambda _, actor: func.concat("usr_", actor.user_id), nullable=True)


@projection(
    EventLog, prefix="nt", requires=Permission.EVENT_READ, default_order=("-sequence",), implements=("Numbered",)
)
class Note:
    """An entry of the log."""

    sequence = column("Its number.", source="seq", filter=True, order=True, unique=True)
    thing = to_any("Thing", "What it is about.", type="target_type", via="target_id")
    subject = to_any(
        "Subject",
        "What it is about, or its label.",
        cases=[
            case("Aircraft", via="target_id", when=lambda m, _: m.target_type == literal("ac")),
            case("Label", when=lambda m, _: m.target_type == literal("dep")),
            case("User", via="actor_id"),
            case("Department", via="target_id", when=lambda m, _: m.seq > 3),
            case("Label", when=lambda m, _: m.before.is_(None)),
        ],
    )
    numbered = to_any("Numbered", "Its label.", cases=[case("Label")])
    numbered_thing = to_any("Numbered", "The entry it is about.", type="target_type", via="target_id")


THING = union("Thing", "What an entry may be about.", ["Aircraft", "AircraftType", "User", "Event"])
SUBJECT = union("Subject", "What an entry may show.", ["Aircraft", "Department", "User", "Label"])


def schema() -> BuiltSchema:
    """All rooms that can be read, and this one."""
    own = rooms()
    return BuiltSchema(
        Room(
            projections=[*own.projections, Note],
            abstracts=[*own.abstracts, THING, SUBJECT, Numbered],
            facets=[*own.facets, Label],
            queries=[*own.queries, many("notes", Note, "The entries."), one("note", Note, "An entry.")],
        )
    )

"""The due list in the graph."""

from decimal import Decimal

from sqlalchemy import Numeric, cast, func

from db.maintenance.due import DueDimension, DueKind, DueState
from db.maintenance.due import DueItem as DueItemRow
from domain.permissions import Permission
from graph.compiler.projection import column, computed, projection, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core.enums import describe

describe(
    DueKind,
    "What is due.",
    {
        "TASK": "A programme task on the aircraft itself.",
        "COMPONENT_TASK": "A programme task on a component, counted from the component's own life.",
        "LIFE_LIMIT": "The end of a component's life: it is to be replaced.",
        "DIRECTIVE": "A directive to be complied with, for the first time or again.",
    },
)
describe(
    DueDimension,
    "What limits something.",
    {"HOURS": "Flight time.", "CYCLES": "Flight cycles.", "CALENDAR": "Calendar time."},
)
describe(
    DueState,
    "How urgent something is, on the organization's today.",
    {
        "OK": "Not within the next days.",
        "DUE_SOON": "Within the organization's `dueSoonDays`, by its forecast.",
        "IN_TOLERANCE": "Past its limit in some dimension, but within the tolerance that it has there.",
        "OVERDUE": "Past its limit and its tolerance in some dimension.",
    },
)


@projection(DueItemRow, prefix="due", requires=Permission.MAINTENANCE_READ, default_order=("forecastOn",))
class DueItem:
    """Something that is due on an aircraft that is not retired. Nothing of it is stored: it follows from programmes,
    directives, what was done, what was flown, and the organization's today."""

    kind = column("What is due.", enum=DueKind, filter=True, order=True)
    aircraft = to_one("Aircraft", "The aircraft.", via="aircraft_id")
    aircraft_id = column("The id of the aircraft, for filters.", id_prefix="ac", filter=True)
    component = to_one("Component", "The component; null when it is about the aircraft itself.", via="component_id")
    component_id = column("The id of the component, for filters.", id_prefix="cmp", filter=True)
    task = to_one("ProgrammeTask", "The programme task; null for other kinds.", via="task_id")
    task_id = column("The id of the programme task, for filters.", id_prefix="mt", filter=True)
    directive = to_one("Directive", "The directive; null for other kinds.", via="directive_id")
    directive_id = column("The id of the directive, for filters.", id_prefix="dir", filter=True)
    code = column("The code of the task, the number of the directive, or the part number.", filter=True, order=True)
    title = column("What it is, in short.")
    airworthiness_limitation = column(
        "Whether it takes no tolerance: an airworthiness limitation, a life limit or a directive.", filter=True
    )
    due_minutes = column("The flight time at which it is due, in minutes; null when that does not limit it.")
    due_cycles = column("The flight cycles at which it is due; null when they do not limit it.")
    due_on = column("The day on which it is due; null when calendar time does not limit it.", filter=True, order=True)
    life_minutes = column("The flight time now that this counts by, of the aircraft or the component, in minutes.")
    life_cycles = column("The flight cycles now that this counts by, of the aircraft or the component.")
    tolerance_minutes = column("How much flight time the limit may be missed by, in minutes.")
    tolerance_cycles = column("How many flight cycles the limit may be missed by.")
    tolerance_days = column("How many days the limit may be missed by.")
    remaining_minutes = column(
        "Flight time left, in minutes; negative when it is past, null when that does not limit it.",
        filter=True,
        order=True,
    )
    remaining_hours = computed(
        "Flight time left in hours with two decimals, as in `12.50`. `remainingMinutes` is exact.",
        Decimal,
        lambda m, _: func.round(cast(m.remaining_minutes, Numeric) / 60, 2),
        nullable=True,
    )
    remaining_cycles = column(
        "Flight cycles left; negative when it is past, null when they do not limit it.", filter=True, order=True
    )
    remaining_days = column(
        "Days left; negative when it is past, null when calendar time does not limit it.", filter=True, order=True
    )
    forecast_on = column(
        "The day on which the first limit is reached, if the aircraft goes on flying as in the organization's"
        " `utilisationWindowDays`; at most a hundred years away. In the past when it is past. Null when no calendar"
        " time limits it and nothing was flown.",
        filter=True,
        order=True,
    )
    limiting = column("What limits it first.", enum=DueDimension, filter=True, order=True)
    state = column("How urgent it is.", enum=DueState, filter=True, order=True)


due_item = one("dueItem", DueItem, "Something that is due, by id: the same task on the same aircraft keeps its id.")
due_items = many("dueItems", DueItem, "What is due on the whole fleet, first what is limited first.")
due_aggregate = aggregate(
    "dueItemAggregate", DueItem, "Counts of what is due, by state, kind, aircraft or forecast month."
)

QUERIES = [due_item, due_items, due_aggregate]

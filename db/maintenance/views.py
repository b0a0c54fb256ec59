"""The SQL of what is due. Views of their invoker, so that row-level security holds inside of them.

`directive_statuses` and `due_points` follow from the records alone: what is due, and at which readings. `due_items`
compares that with the organization's today and with what each aircraft flies. `domain/maintenance/rules/due.py` is the
same in Python, and a test compares the two.
"""
# ruff: noqa: S608 - these are statements of ours, made of constants

# Of two uuids that name a row together: always the same one.
PAIR = "md5({0}::text || {1}::text)::uuid"

# Calendar limits run from a day; a month that is too short ends at its last day, as PostgreSQL adds months.
CALENDAR = "least({0} + {1}, ({0} + make_interval(months => {2}))::date)"

UNITS = ("minutes", "cycles", "days", "months")
FLYING = "a.status <> 'RETIRED'"
LIFE = "i.component_{0} + a.total_{0} - i.aircraft_{0}"

# A task with a threshold is due by that alone for the first time, one without after its first interval.
FIRST = ", ".join(
    f"CASE WHEN h.threshold THEN t.threshold_{unit} ELSE t.interval_{unit} END AS first_{unit}" for unit in UNITS
)
TASKS = f"""(
        SELECT t.*, {FIRST}
        FROM programme_tasks t CROSS JOIN LATERAL (SELECT num_nonnulls(
            t.threshold_minutes, t.threshold_cycles, t.threshold_days, t.threshold_months) > 0 AS threshold) h
        WHERE t.withdrawn_on IS NULL
    )"""
REPEATS = "num_nonnulls(t.interval_minutes, t.interval_cycles, t.interval_days, t.interval_months) > 0"


def _step(unit: str) -> str:
    return f"CASE WHEN done.id IS NULL THEN t.first_{unit} ELSE t.interval_{unit} END"


def _due(born: str) -> str:
    """Columns of a task's next due point; without an accomplishment it counts from new, and from the day `born`."""
    return f"""coalesce(done.basis_minutes, 0) + {_step("minutes")} AS due_minutes,
        coalesce(done.basis_cycles, 0) + {_step("cycles")} AS due_cycles,
        {CALENDAR.format(f"coalesce(done.basis_on, {born})", _step("days"), _step("months"))} AS due_on,
        t.tolerance_minutes, t.tolerance_cycles, t.tolerance_days"""


AIRCRAFT_TASKS = f"""
    SELECT a.org_id, {PAIR.format("a.id", "t.id")} AS id, 'TASK' AS kind, a.id AS aircraft_id,
        NULL::uuid AS component_id, t.id AS task_id, NULL::uuid AS directive_id, t.code, t.title,
        t.airworthiness_limitation, {_due("a.manufactured_on, f.since")},
        a.total_minutes AS life_minutes, a.total_cycles AS life_cycles
    FROM aircraft_programmes f
    JOIN aircraft a ON a.org_id = f.org_id AND a.id = f.aircraft_id AND {FLYING}
    JOIN {TASKS} t ON t.org_id = f.org_id AND t.programme_id = f.programme_id AND t.part_number IS NULL
    LEFT JOIN accomplishments done ON done.org_id = a.org_id AND done.aircraft_id = a.id AND done.task_id = t.id
        AND done.is_latest AND done.component_id IS NULL
    WHERE done.id IS NULL OR {REPEATS}"""

COMPONENT_TASKS = f"""
    SELECT a.org_id, {PAIR.format("c.id", "t.id")}, 'COMPONENT_TASK', a.id, c.id, t.id, NULL, t.code, t.title,
        t.airworthiness_limitation, {_due("c.manufactured_on, i.installed_on")},
        {LIFE.format("minutes")}, {LIFE.format("cycles")}
    FROM aircraft_programmes f
    JOIN aircraft a ON a.org_id = f.org_id AND a.id = f.aircraft_id AND {FLYING}
    JOIN installations i ON i.org_id = a.org_id AND i.aircraft_id = a.id AND i.removed_on IS NULL
    JOIN components c ON c.org_id = i.org_id AND c.id = i.component_id
    JOIN {TASKS} t ON t.org_id = f.org_id AND t.programme_id = f.programme_id AND t.part_number = c.part_number
    LEFT JOIN accomplishments done ON done.org_id = c.org_id AND done.component_id = c.id AND done.task_id = t.id
        AND done.is_latest AND done.component_id IS NOT NULL
    WHERE done.id IS NULL OR {REPEATS}"""

LIFE_LIMITS = f"""
    SELECT a.org_id, c.id, 'LIFE_LIMIT', a.id, c.id, NULL, NULL, c.part_number, c.description, true,
        c.life_limit_minutes, c.life_limit_cycles,
        (c.manufactured_on + make_interval(months => c.life_limit_months))::date,
        0, 0, 0, {LIFE.format("minutes")}, {LIFE.format("cycles")}
    FROM installations i
    JOIN aircraft a ON a.org_id = i.org_id AND a.id = i.aircraft_id AND {FLYING}
    JOIN components c ON c.org_id = i.org_id AND c.id = i.component_id
    WHERE i.removed_on IS NULL AND num_nonnulls(c.life_limit_minutes, c.life_limit_cycles, c.life_limit_months) > 0"""

DIRECTIVES = """
    SELECT s.org_id, s.id, 'DIRECTIVE', s.aircraft_id, NULL, NULL, s.directive_id, s.number, s.title, true,
        s.due_minutes, s.due_cycles, s.due_on, 0, 0, 0, s.life_minutes, s.life_cycles
    FROM directive_statuses s
    WHERE s.flying AND num_nonnulls(s.due_minutes, s.due_cycles, s.due_on) > 0"""

# Serial numbers in the order of `domain/maintenance/rules/directives.py: serial_order`.
IN_RANGE = """(p.serial_from IS NULL OR (length(a.serial_number), a.serial_number COLLATE "C")
            >= (length(p.serial_from), p.serial_from COLLATE "C"))
        AND (p.serial_to IS NULL OR (length(a.serial_number), a.serial_number COLLATE "C")
            <= (length(p.serial_to), p.serial_to COLLATE "C"))"""


def _limit(unit: str) -> str:
    """Before it was complied with, the later of the limits from new and from the effective date; then the interval.
    What was flown by the effective date is looked up only where a limit counts from it."""
    flown = (
        f"(SELECT coalesce(sum(l.{unit}), 0)::int FROM utilisation_entries l WHERE l.org_id = n.org_id"
        " AND l.aircraft_id = n.aircraft_id AND l.flown_on <= d.effective_on)"
    )
    within = f"CASE WHEN d.within_{unit} IS NOT NULL THEN d.within_{unit} + {flown} END"
    first = f"greatest(d.threshold_{unit}, {within})"
    return f"CASE WHEN s.status = 'OPEN' THEN {first} WHEN s.again THEN e.{unit} + d.interval_{unit} END AS due_{unit}"


# With what due_points needs of both sides, so that it need not join them again.
DIRECTIVE_STATUSES = f"""
CREATE VIEW directive_statuses WITH (security_invoker = true) AS
    SELECT n.org_id, {PAIR.format("n.aircraft_id", "n.directive_id")} AS id, n.directive_id, n.aircraft_id, s.status,
        e.id AS entry_id, e.performed_on AS decided_on, {_limit("minutes")}, {_limit("cycles")},
        CASE WHEN s.status = 'OPEN' THEN {CALENDAR.format("d.effective_on", "d.within_days", "d.within_months")}
            WHEN s.again THEN {CALENDAR.format("e.performed_on", "d.interval_days", "d.interval_months")} END AS due_on,
        d.number, d.title, n.flying, n.life_minutes, n.life_cycles
    FROM (
        SELECT p.org_id, p.directive_id, a.id AS aircraft_id, {FLYING} AS flying, a.total_minutes AS life_minutes,
            a.total_cycles AS life_cycles, bool_or({IN_RANGE}) AS in_range
        FROM directive_applicability p JOIN aircraft a ON a.org_id = p.org_id AND a.type_id = p.type_id
        GROUP BY p.org_id, p.directive_id, a.org_id, a.id
    ) n
    JOIN directives d ON d.org_id = n.org_id AND d.id = n.directive_id
    LEFT JOIN directive_entries e
        ON e.org_id = n.org_id AND e.aircraft_id = n.aircraft_id AND e.directive_id = n.directive_id AND e.is_latest
    CROSS JOIN LATERAL (
        SELECT CASE WHEN NOT n.in_range THEN 'NOT_APPLICABLE' WHEN d.superseded_by_id IS NOT NULL THEN 'SUPERSEDED'
                ELSE coalesce(e.decision, 'OPEN') END AS status,
            n.in_range AND d.superseded_by_id IS NULL AND e.decision = 'COMPLIED' AND NOT e.terminating AS again
        OFFSET 0
    ) s
"""

DUE_POINTS = f"""
CREATE VIEW due_points WITH (security_invoker = true) AS{AIRCRAFT_TASKS}
    UNION ALL{COMPONENT_TASKS}
    UNION ALL{LIFE_LIMITS}
    UNION ALL{DIRECTIVES}
"""

# What came into the log with its opening was not flown in the window, nor was a correction of that.
UTILISATION_RATES = """
CREATE VIEW utilisation_rates WITH (security_invoker = true) AS
    SELECT a.org_id, a.id, w.today, r.days, r.minutes, r.cycles, w.due_soon_days
    FROM aircraft a
    JOIN (
        SELECT o.id, local_today(o.id) AS today, o.utilisation_window_days AS days, o.due_soon_days
        FROM organizations o OFFSET 0
    ) w ON w.id = a.org_id
    CROSS JOIN LATERAL (
        SELECT greatest(0, coalesce(sum(l.minutes), 0))::int AS minutes,
            greatest(0, coalesce(sum(l.cycles), 0))::int AS cycles,
            greatest(1, least(w.days, w.today - (
                SELECT f.flown_on FROM utilisation_entries f
                WHERE f.org_id = a.org_id AND f.aircraft_id = a.id ORDER BY f.flown_on LIMIT 1))) AS days
        FROM utilisation_entries l
        WHERE l.org_id = a.org_id AND l.aircraft_id = a.id AND l.flown_on > w.today - w.days
            AND l.kind <> 'OPENING' AND NOT (l.kind = 'CORRECTION' AND EXISTS (
                SELECT FROM utilisation_entries c
                WHERE c.org_id = l.org_id AND c.id = l.corrects_id AND c.kind = 'OPENING'))
        OFFSET 0
    ) r
"""


def _forecast(left: str, unit: str) -> str:
    """The day on which it is used up at what is flown, at most a hundred years away; none when nothing is flown."""
    days = f"floor({left}::float8 * r.days / r.{unit})"
    return (
        f"CASE WHEN r.{unit} > 0 THEN r.today + greatest(-36500, least(36500, {days}))::int"
        f" WHEN {left} <= 0 THEN r.today END AS by_{unit}"
    )


SOONEST = "least(f.by_minutes, f.by_cycles, p.due_on)"

# OFFSET 0 keeps PostgreSQL from repeating these steps wherever they are used.
DUE_ITEMS = f"""
CREATE VIEW due_items WITH (security_invoker = true) AS
    SELECT p.*, f.remaining_minutes, f.remaining_cycles, f.remaining_days, {SOONEST} AS forecast_on,
        CASE {SOONEST} WHEN f.by_minutes THEN 'HOURS' WHEN f.by_cycles THEN 'CYCLES' WHEN p.due_on THEN 'CALENDAR'
            ELSE CASE WHEN p.due_minutes IS NULL THEN 'CYCLES' ELSE 'HOURS' END END AS limiting,
        CASE
            WHEN least(f.remaining_minutes + p.tolerance_minutes, f.remaining_cycles + p.tolerance_cycles,
                f.remaining_days + p.tolerance_days) < 0 THEN 'OVERDUE'
            WHEN least(f.remaining_minutes, f.remaining_cycles, f.remaining_days) < 0 THEN 'IN_TOLERANCE'
            WHEN {SOONEST} <= r.today + r.due_soon_days THEN 'DUE_SOON'
            ELSE 'OK' END AS state
    FROM due_points p
    JOIN utilisation_rates r ON r.org_id = p.org_id AND r.id = p.aircraft_id
    CROSS JOIN LATERAL (
        SELECT n.*, {_forecast("n.remaining_minutes", "minutes")}, {_forecast("n.remaining_cycles", "cycles")}
        FROM (SELECT p.due_minutes - p.life_minutes AS remaining_minutes,
            p.due_cycles - p.life_cycles AS remaining_cycles, p.due_on - r.today AS remaining_days OFFSET 0) n
        OFFSET 0
    ) f
"""

VIEWS = {
    "directive_statuses": DIRECTIVE_STATUSES,
    "due_points": DUE_POINTS,
    "utilisation_rates": UTILISATION_RATES,
    "due_items": DUE_ITEMS,
}

"""The first page of the due list as one would write it by hand: plain joins on the tables, no policies, no views."""

import statistics
from time import perf_counter
from typing import Any

import asyncpg

from bench.kit.platform import Place

LIFE = "i.component_{0} + a.total_{0} - i.aircraft_{0}"
BASIS = (
    "coalesce(done.basis_{0}, 0) + CASE WHEN done.id IS NULL AND t.first THEN t.threshold_{0} ELSE t.interval_{0} END"
)
DAYS = """least({0} + CASE WHEN done.id IS NULL AND t.first THEN t.threshold_days ELSE t.interval_days END,
    ({0} + make_interval(months => CASE WHEN done.id IS NULL AND t.first THEN t.threshold_months
    ELSE t.interval_months END))::date)"""

PAGE = f"""
WITH tasks AS MATERIALIZED (
    SELECT *, num_nonnulls(threshold_minutes, threshold_cycles, threshold_days, threshold_months) > 0 AS first,
        num_nonnulls(interval_minutes, interval_cycles, interval_days, interval_months) > 0 AS repeats
    FROM programme_tasks WHERE org_id = $1 AND withdrawn_on IS NULL
), rates AS MATERIALIZED (
    SELECT a.id, a.registration, a.total_minutes, a.total_cycles, greatest(1, least(90, current_date - min(l.flown_on)))
            AS days,
        greatest(0, coalesce(sum(l.minutes) FILTER (WHERE l.recent), 0)) AS minutes,
        greatest(0, coalesce(sum(l.cycles) FILTER (WHERE l.recent), 0)) AS cycles
    FROM aircraft a JOIN (
        SELECT aircraft_id, flown_on, minutes, cycles, kind <> 'OPENING' AND flown_on > current_date - 90 AS recent
        FROM utilisation_entries WHERE org_id = $1
    ) l ON l.aircraft_id = a.id
    WHERE a.org_id = $1 AND a.status <> 'RETIRED' GROUP BY a.org_id, a.id
), due AS (
    SELECT a.id AS aircraft_id, a.id AS one, t.id AS other, t.code, a.total_minutes AS life_minutes,
        a.total_cycles AS life_cycles, {BASIS.format("minutes")} AS due_minutes, {BASIS.format("cycles")} AS due_cycles,
        {DAYS.format("coalesce(done.basis_on, a.manufactured_on, f.since)")} AS due_on
    FROM aircraft_programmes f
    JOIN aircraft a ON a.org_id = $1 AND a.id = f.aircraft_id
    JOIN tasks t ON t.programme_id = f.programme_id AND t.part_number IS NULL
    LEFT JOIN accomplishments done ON done.org_id = $1 AND done.aircraft_id = a.id AND done.task_id = t.id
        AND done.is_latest AND done.component_id IS NULL
    WHERE f.org_id = $1 AND (done.id IS NULL OR t.repeats)
    UNION ALL
    SELECT a.id, c.id, t.id, t.code, {LIFE.format("minutes")}, {LIFE.format("cycles")}, {BASIS.format("minutes")},
        {BASIS.format("cycles")}, {DAYS.format("coalesce(done.basis_on, c.manufactured_on, i.installed_on)")}
    FROM aircraft_programmes f
    JOIN aircraft a ON a.org_id = $1 AND a.id = f.aircraft_id
    JOIN installations i ON i.org_id = $1 AND i.aircraft_id = a.id AND i.removed_on IS NULL
    JOIN components c ON c.org_id = $1 AND c.id = i.component_id
    JOIN tasks t ON t.programme_id = f.programme_id AND t.part_number = c.part_number
    LEFT JOIN accomplishments done ON done.org_id = $1 AND done.component_id = c.id AND done.task_id = t.id
        AND done.is_latest AND done.component_id IS NOT NULL
    WHERE f.org_id = $1 AND (done.id IS NULL OR t.repeats)
    UNION ALL
    SELECT a.id, c.id, NULL, c.part_number, {LIFE.format("minutes")}, {LIFE.format("cycles")}, c.life_limit_minutes,
        c.life_limit_cycles, (c.manufactured_on + make_interval(months => c.life_limit_months))::date
    FROM installations i
    JOIN aircraft a ON a.org_id = $1 AND a.id = i.aircraft_id
    JOIN components c ON c.org_id = $1 AND c.id = i.component_id
    WHERE i.org_id = $1 AND i.removed_on IS NULL
        AND num_nonnulls(c.life_limit_minutes, c.life_limit_cycles, c.life_limit_months) > 0
    UNION ALL
    SELECT a.id, a.id, d.id, d.number, a.total_minutes, a.total_cycles,
        CASE WHEN e.id IS NULL THEN CASE WHEN d.within_minutes IS NOT NULL THEN greatest(d.threshold_minutes,
            d.within_minutes + (SELECT coalesce(sum(l.minutes), 0)::int FROM utilisation_entries l
                WHERE l.org_id = $1 AND l.aircraft_id = a.id AND l.flown_on <= d.effective_on))
            ELSE d.threshold_minutes END
            WHEN NOT e.terminating THEN e.minutes + d.interval_minutes END,
        CASE WHEN e.id IS NULL THEN d.threshold_cycles WHEN NOT e.terminating THEN e.cycles + d.interval_cycles END,
        CASE WHEN e.id IS NULL THEN (d.effective_on + make_interval(months => d.within_months))::date
            WHEN NOT e.terminating THEN (e.performed_on + make_interval(months => d.interval_months))::date END
    FROM directive_applicability p
    JOIN aircraft a ON a.org_id = $1 AND a.type_id = p.type_id AND (p.serial_from IS NULL
        OR (length(a.serial_number), a.serial_number COLLATE "C") >= (length(p.serial_from), p.serial_from COLLATE "C"))
    JOIN directives d ON d.org_id = $1 AND d.id = p.directive_id AND d.superseded_by_id IS NULL
    LEFT JOIN directive_entries e
        ON e.org_id = $1 AND e.aircraft_id = a.id AND e.directive_id = d.id AND e.is_latest
    WHERE p.org_id = $1
), soonest AS (
    SELECT d.*, r.registration, least(d.due_on,
        CASE WHEN r.minutes > 0 THEN current_date
                + floor((d.due_minutes - d.life_minutes)::float8 * r.days / r.minutes)::int
            WHEN d.due_minutes <= d.life_minutes THEN current_date END,
        CASE WHEN r.cycles > 0 THEN current_date
                + floor((d.due_cycles - d.life_cycles)::float8 * r.days / r.cycles)::int
            WHEN d.due_cycles <= d.life_cycles THEN current_date END) AS forecast_on
    FROM due d JOIN rates r ON r.id = d.aircraft_id
    WHERE num_nonnulls(d.due_minutes, d.due_cycles, d.due_on) > 0
)
SELECT code, registration, forecast_on, due_minutes - life_minutes AS remaining_minutes,
    due_cycles - life_cycles AS remaining_cycles, due_on - current_date AS remaining_days
FROM soonest 
ORDER BY forecast_on, CASE WHEN other IS NULL THEN one ELSE md5(one::text || other::text)::uuid END LIMIT 50
"""


async def median(place: Place, requests: int) -> tuple[float, list[Any]]:
    """Milliseconds of the middle run on one connection, after two to warm up; and its rows."""
    connection = await asyncpg.connect(place.admin_url)
    try:
        await connection.execute("SET jit = off; SET log_statement = 'none'")
        statement = await connection.prepare(PAGE)
        times = []
        for _ in range(requests + 2):
            started = perf_counter()
            rows = await statement.fetch(place.tenants[0].id)
            times.append((perf_counter() - started) * 1e3)
        return statistics.median(times[2:]), list(rows)
    finally:
        await connection.close()

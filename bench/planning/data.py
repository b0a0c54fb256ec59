"""A fleet with its programmes, components, directives, and what was flown and done, made inside PostgreSQL."""

from datetime import date

import asyncpg

from bench.kit.platform import Place

PARTS, DAYS = 10, 90

FLIGHTS = """
INSERT INTO utilisation_entries (org_id, id, aircraft_id, kind, flown_on, minutes, cycles)
SELECT org_id, uuidv7(), id, 'OPENING', $2::date - 400, total_minutes + 1, total_cycles FROM aircraft WHERE org_id = $1
UNION ALL SELECT org_id, uuidv7(), id, 'FLIGHT', $2::date - n, 60 + (hashint4(n) & 511), 1 + n % 6
FROM aircraft, generate_series(1, $3::int) n WHERE org_id = $1
"""
PROGRAMMES = """
INSERT INTO programmes (org_id, id, name, type_id)
SELECT org_id, uuidv7(), manufacturer || ' ' || model, id FROM aircraft_types WHERE org_id = $1
"""
# Every fifth is limited in all three dimensions, one in ten has a threshold, one in twenty is a limitation.
TASKS = """
INSERT INTO programme_tasks (org_id, id, programme_id, code, title, part_number, interval_minutes, interval_cycles,
    interval_days, interval_months, threshold_minutes, tolerance_minutes, tolerance_days, rebasing,
    airworthiness_limitation)
SELECT org_id, uuidv7(), id, lpad(n::text, 2, '0') || '-' || h % 90 || '-' || n, 'Inspection number ' || n,
    CASE WHEN n > $2 THEN 'PN-' || n % $3 END,
    CASE WHEN n % 5 < 3 THEN 6000 + h % 300000 END, CASE WHEN n % 5 IN (0, 3) THEN 100 + h % 5000 END,
    CASE WHEN n % 10 = 9 THEN 30 + h % 700 END, CASE WHEN n % 5 IN (0, 4) AND n % 10 <> 9 THEN 3 + h % 60 END,
    CASE WHEN n % 10 = 1 THEN 4300000 END, CASE WHEN n % 20 = 7 THEN 0 ELSE 600 END,
    CASE WHEN n % 20 = 7 THEN 0 ELSE 10 END,
    CASE WHEN n % 3 = 0 THEN 'FROM_DUE_WHEN_IN_WINDOW' ELSE 'FROM_ACCOMPLISHMENT' END, n % 20 = 7
FROM programmes, generate_series(1, $2::int + 2 * $3::int) n,
    LATERAL (SELECT hashint4extended(n, hashtext(name)) & 1073741823 AS h) seeded
WHERE org_id = $1
"""
FOLLOW = """
INSERT INTO aircraft_programmes (org_id, id, aircraft_id, programme_id, since)
SELECT a.org_id, uuidv7(), a.id, p.id, $2::date - 400 FROM aircraft a JOIN programmes p USING (org_id, type_id)
WHERE a.org_id = $1
"""
COMPONENTS = """
INSERT INTO components (org_id, id, part_number, serial_number, description, manufactured_on, life_limit_cycles)
SELECT a.org_id, uuidv7(), 'PN-' || n, a.registration || '-' || n, 'Component number ' || n, a.manufactured_on,
    CASE WHEN n % 2 = 0 THEN a.total_cycles + 500 + n * 97 END
FROM aircraft a, generate_series(0, $2::int - 1) n WHERE a.org_id = $1
"""
INSTALLATIONS = """
INSERT INTO installations (org_id, id, component_id, aircraft_id, position, number, installed_on, aircraft_minutes,
    aircraft_cycles, component_minutes, component_cycles)
SELECT c.org_id, uuidv7(), c.id, a.id, 'POSITION ' || c.part_number, 1, $2::date - 400, a.total_minutes / 2,
    a.total_cycles / 2, a.total_minutes / 4, a.total_cycles / 4
FROM components c JOIN aircraft a ON a.org_id = c.org_id
    AND a.registration = left(c.serial_number, -length(substring(c.serial_number FROM '-[0-9]+$')))
WHERE c.org_id = $1
"""
# Four in five tasks were done twice, somewhere inside of the last interval.
DONE = """
INSERT INTO accomplishments (org_id, id, aircraft_id, task_id, component_id, performed_on, minutes, cycles,
    component_minutes, component_cycles, basis_minutes, basis_cycles, basis_on, is_latest)
SELECT d.org_id, uuidv7(), d.aircraft_id, d.task_id, d.component_id, $2::date - h % 300 - 300 * n,
    greatest(0, life_minutes - h % 5000), greatest(0, life_cycles - h % 300),
    CASE WHEN component_id IS NOT NULL THEN greatest(0, life_minutes - h % 5000) END,
    CASE WHEN component_id IS NOT NULL THEN greatest(0, life_cycles - h % 300) END,
    greatest(0, life_minutes - h % (5000 + 20000 * n)), greatest(0, life_cycles - h % (300 + 2000 * n)),
    $2::date - h % 300 - 300 * n, n = 0
FROM due_points d, generate_series(0, 1) n,
    LATERAL (SELECT hashtext(d.id::text || n) & 1073741823 AS h) seeded
WHERE d.org_id = $1 AND d.task_id IS NOT NULL AND hashtext(d.id::text) & 7 < 6
"""
DIRECTIVES = """
WITH made AS (
    INSERT INTO directives (org_id, id, kind, number, title, issuer, effective_on, threshold_cycles, within_minutes,
        within_months, interval_months)
    SELECT $1, uuidv7(), CASE WHEN n % 3 = 0 THEN 'SB' ELSE 'AD' END, '2026-' || lpad(n::text, 4, '0'),
        'Directive number ' || n, 'EASA', $2::date - n, CASE WHEN n % 4 = 0 THEN 60000 END,
        CASE WHEN n % 10 = 1 THEN 60000 END, CASE WHEN n % 4 <> 0 THEN 6 + n % 24 END, CASE WHEN n % 2 = 0 THEN 12 END
    FROM generate_series(1, $3::int) n RETURNING id
)
INSERT INTO directive_applicability (org_id, id, directive_id, type_id, serial_from)
SELECT $1, uuidv7(), made.id, t.id, CASE WHEN hashtext(made.id::text) % 2 = 0 THEN 'SN-100' END
FROM made, aircraft_types t WHERE t.org_id = $1
"""
COMPLIED = """
INSERT INTO directive_entries (org_id, id, aircraft_id, directive_id, decision, performed_on, minutes, cycles, method)
SELECT s.org_id, uuidv7(), s.aircraft_id, s.directive_id, 'COMPLIED', $2::date - 30, 1000, 1000, 'Inspected.'
FROM directive_statuses s WHERE s.org_id = $1 AND s.status = 'OPEN' AND hashtext(s.id::text) & 3 = 0
"""


async def load(place: Place, *, tasks: int, directives: int) -> None:
    """On the aircraft that are there. Foreign keys hold by construction and are not checked row by row."""
    today = date.today()
    connection = await asyncpg.connect(place.admin_url, command_timeout=900)
    try:
        await connection.execute("SET session_replication_role = replica")
        for tenant in place.tenants:
            org = tenant.id
            await connection.execute(FLIGHTS, org, today, DAYS)
            await connection.execute("UPDATE aircraft SET status = 'ACTIVE' WHERE org_id = $1", org)
            await connection.execute(PROGRAMMES, org)
            await connection.execute(TASKS, org, tasks, PARTS)
            await connection.execute(FOLLOW, org, today)
            await connection.execute(COMPONENTS, org, PARTS)
            await connection.execute(INSTALLATIONS, org, today)
            await connection.execute("ANALYZE")
            await connection.execute(DONE, org, today)
            await connection.execute(DIRECTIVES, org, today, directives)
            await connection.execute(COMPLIED, org, today)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()

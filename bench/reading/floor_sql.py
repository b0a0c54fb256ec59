"""The floor's statements, written by hand. Parameters: the organization, then what the operation's variables say.

`JSON` renders the whole answer in PostgreSQL; `ROWS` returns plain rows for orjson. Page sizes are literals."""

AIRCRAFT_8 = """'ac_' || id AS id, registration, serial_number AS "serialNumber", status,
    manufactured_on AS "manufacturedOn", base_airport AS "baseAirport", total_cycles AS "totalCycles",
    created_at AS "createdAt\""""
AIRCRAFT_10 = """'ac_' || id AS id, registration, serial_number AS "serialNumber", status,
    manufactured_on AS "manufacturedOn", base_airport AS "baseAirport", total_cycles AS "totalCycles", version,
    created_at AS "createdAt", updated_at AS "updatedAt\""""


# The last row is picked first: in one select with OFFSET, the cursors of all skipped rows would be computed too.
def cursor(order: str, *columns: str) -> str:
    array = f"json_build_array('{order}'::text, {', '.join(columns)})"
    return f"translate(encode(convert_to({array}::text, 'UTF8'), 'base64'), E'+/=\\n', '-_')"


ONE = f"SELECT {AIRCRAFT_8} FROM aircraft WHERE org_id = $1 AND id = $2"
ONE_JSON = f'SELECT row_to_json(d) FROM (SELECT (SELECT row_to_json(r) FROM ({ONE}) r) AS "aircraft") d'


def page_json(size: int) -> str:
    return f"""
WITH p AS (
    SELECT * FROM aircraft WHERE org_id = $1 AND (registration, id) > ($2, $3)
    ORDER BY registration, id LIMIT {size + 1}
)
SELECT row_to_json(d) FROM (SELECT (SELECT row_to_json(c) FROM (SELECT
    (SELECT coalesce(json_agg(row_to_json(r)), '[]') FROM (SELECT {AIRCRAFT_10} FROM p LIMIT {size}) r) AS nodes,
    (SELECT row_to_json(i) FROM (SELECT
        (SELECT count(*) FROM p) > {size} AS "hasNextPage",
        (SELECT {cursor("ac:registration,id", "registration", "id")} FROM (
            SELECT registration, id FROM p OFFSET (SELECT least(count(*), {size}) - 1 FROM p) LIMIT 1
        ) e) AS "endCursor"
    ) i) AS "pageInfo"
) c) AS "aircraftList") d"""


def page_rows(size: int) -> str:
    return f"""
SELECT {AIRCRAFT_10} FROM aircraft WHERE org_id = $1 AND (registration, id) > ($2, $3)
ORDER BY aircraft.registration, aircraft.id LIMIT {size + 1}"""


PARENTS = """
    SELECT * FROM utilisation_entries WHERE org_id = $1 AND kind = 'FLIGHT' AND (created_at, id) > ($2, $3)
    ORDER BY created_at, id LIMIT 20"""
CHILDREN = """
    SELECT * FROM utilisation_entries c WHERE c.org_id = p.org_id AND c.corrects_id = p.id
    ORDER BY c.flown_on DESC, c.id DESC LIMIT 5"""
PERSON = (
    """(SELECT row_to_json(r) FROM (SELECT 'usr_' || u.id AS id, u.name FROM users u WHERE u.id = {}) r) AS reporter"""
)

PARENTS_JSON = f"""
SELECT row_to_json(d) FROM (SELECT (SELECT row_to_json(l) FROM (SELECT
    (SELECT coalesce(json_agg(row_to_json(n)), '[]') FROM (
        SELECT 'ut_' || p.id AS id, p.flown_on AS "flownOn", p.minutes, p.cycles, p.note,
            (SELECT row_to_json(r) FROM (SELECT 'ac_' || a.id AS id, a.registration, a.status FROM aircraft a
                WHERE a.org_id = p.org_id AND a.id = p.aircraft_id) r) AS aircraft,
            {PERSON.format("p.reporter_id")},
            (SELECT row_to_json(x) FROM (SELECT (SELECT coalesce(json_agg(row_to_json(m)), '[]') FROM (
                SELECT 'ut_' || c.id AS id, c.flown_on AS "flownOn", c.minutes, c.note,
                    {PERSON.format("c.reporter_id")}
                FROM ({CHILDREN}) c
            ) m) AS nodes) x) AS corrections
        FROM ({PARENTS}) p
    ) n) AS nodes
) l) AS "utilisationEntries") d"""

PARENTS_ROWS = f"""
SELECT p.id, p.flown_on, p.minutes, p.cycles, p.note, a.id, a.registration, a.status, u.id, u.name,
    c.id, c.flown_on, c.minutes, c.note, v.id, v.name
FROM ({PARENTS}) p
JOIN aircraft a ON a.org_id = p.org_id AND a.id = p.aircraft_id
LEFT JOIN users u ON u.id = p.reporter_id
LEFT JOIN LATERAL ({CHILDREN}) c ON true
LEFT JOIN users v ON v.id = c.reporter_id
ORDER BY p.created_at, p.id, c.flown_on DESC, c.id DESC"""

FLEET = """
    SELECT * FROM aircraft WHERE org_id = $1 AND (registration, id) > ($2, $3) ORDER BY registration, id LIMIT 20"""
LATEST = """
    SELECT * FROM utilisation_entries e WHERE e.org_id = p.org_id AND e.aircraft_id = p.id
    ORDER BY e.flown_on DESC, e.id DESC LIMIT 5"""

FLEET_JSON = f"""
SELECT row_to_json(d) FROM (SELECT (SELECT row_to_json(l) FROM (SELECT
    (SELECT coalesce(json_agg(row_to_json(n)), '[]') FROM (
        SELECT 'ac_' || p.id AS id, p.registration, p.status,
            (SELECT row_to_json(r) FROM (SELECT 'at_' || t.id AS id, t.manufacturer, t.model FROM aircraft_types t
                WHERE t.org_id = p.org_id AND t.id = p.type_id) r) AS type,
            (SELECT row_to_json(x) FROM (SELECT (SELECT coalesce(json_agg(row_to_json(m)), '[]') FROM (
                SELECT 'ut_' || e.id AS id, e.kind, e.flown_on AS "flownOn", e.minutes, e.cycles,
                    {PERSON.format("e.reporter_id")}
                FROM ({LATEST}) e
            ) m) AS nodes) x) AS utilisation
        FROM ({FLEET}) p
    ) n) AS nodes
) l) AS "aircraftList") d"""

FLEET_ROWS = f"""
SELECT p.id, p.registration, p.status, t.id, t.manufacturer, t.model,
    e.id, e.kind, e.flown_on, e.minutes, e.cycles, u.id, u.name
FROM ({FLEET}) p
JOIN aircraft_types t ON t.org_id = p.org_id AND t.id = p.type_id
LEFT JOIN LATERAL ({LATEST}) e ON true
LEFT JOIN users u ON u.id = e.reporter_id
ORDER BY p.registration, p.id, e.flown_on DESC, e.id DESC"""

JSON = {"Q1": ONE_JSON, "Q2": page_json(50), "Q3": PARENTS_JSON, "Q4": page_json(500), "Nested": FLEET_JSON}
ROWS = {"Q1": ONE, "Q2": page_rows(50), "Q3": PARENTS_ROWS, "Q4": page_rows(500), "Nested": FLEET_ROWS}

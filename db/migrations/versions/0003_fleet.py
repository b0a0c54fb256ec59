"""Fleet: aircraft types, aircraft and the utilisation log.

The log is append-only twice: the app role is granted no UPDATE, DELETE or TRUNCATE, and triggers refuse them
to everyone, the owner included. One thing may go: an opening entry, with its aircraft, by the foreign key's
cascade.
"""

from alembic import op

from db.rls import protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STAMPS = """
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()"""

AIRCRAFT_TYPES = f"""
CREATE TABLE aircraft_types (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    manufacturer text NOT NULL,
    model text NOT NULL,
    icao_designator text,
    type_certificate_holder text,
    engine_count integer,
    category text NOT NULL,{STAMPS},
    CONSTRAINT pk_aircraft_types PRIMARY KEY (org_id, id),
    CONSTRAINT fk_aircraft_types_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT ck_aircraft_types_category CHECK (category IN (
        'AEROPLANE', 'HELICOPTER', 'GYROPLANE', 'POWERED_LIFT', 'GLIDER', 'AIRSHIP', 'BALLOON')),
    CONSTRAINT ck_aircraft_types_manufacturer CHECK (length(manufacturer) BETWEEN 1 AND 100),
    CONSTRAINT ck_aircraft_types_model CHECK (length(model) BETWEEN 1 AND 100),
    CONSTRAINT ck_aircraft_types_icao_designator CHECK (icao_designator ~ '^[A-Z][A-Z0-9]{{1,3}}$'),
    CONSTRAINT ck_aircraft_types_type_certificate_holder CHECK (
        length(type_certificate_holder) BETWEEN 1 AND 200),
    CONSTRAINT ck_aircraft_types_engine_count CHECK (engine_count BETWEEN 0 AND 12)
)
"""

AIRCRAFT = f"""
CREATE TABLE aircraft (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    registration text NOT NULL,
    type_id uuid NOT NULL,
    serial_number text NOT NULL,
    status text NOT NULL DEFAULT 'ACTIVE',
    manufactured_on date,
    base_airport text,
    total_minutes integer NOT NULL DEFAULT 0,
    total_cycles integer NOT NULL DEFAULT 0,{STAMPS},
    CONSTRAINT pk_aircraft PRIMARY KEY (org_id, id),
    CONSTRAINT fk_aircraft_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_aircraft_org_id_type_id FOREIGN KEY (org_id, type_id)
        REFERENCES aircraft_types (org_id, id),
    CONSTRAINT uq_aircraft_org_id_registration UNIQUE (org_id, registration),
    CONSTRAINT uq_aircraft_org_id_type_id_serial_number UNIQUE (org_id, type_id, serial_number) DEFERRABLE,
    CONSTRAINT ck_aircraft_status CHECK (status IN ('ACTIVE', 'MAINTENANCE', 'STORED', 'RETIRED')),
    CONSTRAINT ck_aircraft_registration CHECK (registration ~ '^[A-Z0-9]+(-[A-Z0-9]+)*$'),
    CONSTRAINT ck_aircraft_registration_length CHECK (length(registration) BETWEEN 2 AND 10),
    CONSTRAINT ck_aircraft_serial_number CHECK (
        length(serial_number) BETWEEN 1 AND 50 AND serial_number = upper(serial_number)),
    CONSTRAINT ck_aircraft_base_airport CHECK (base_airport ~ '^[A-Z]{{4}}$'),
    CONSTRAINT ck_aircraft_totals CHECK (total_minutes >= 0 AND total_cycles >= 0)
)
"""

UTILISATION = """
CREATE TABLE utilisation_entries (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    aircraft_id uuid NOT NULL,
    kind text NOT NULL,
    flown_on date NOT NULL,
    minutes integer NOT NULL,
    cycles integer NOT NULL,
    reporter_id uuid,
    corrects_id uuid,
    note text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_utilisation_entries PRIMARY KEY (org_id, id),
    CONSTRAINT uq_utilisation_entries_org_id_aircraft_id_id UNIQUE (org_id, aircraft_id, id),
    CONSTRAINT fk_utilisation_entries_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_utilisation_entries_org_id_aircraft_id FOREIGN KEY (org_id, aircraft_id)
        REFERENCES aircraft (org_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_utilisation_entries_org_id_aircraft_id_corrects_id
        FOREIGN KEY (org_id, aircraft_id, corrects_id)
        REFERENCES utilisation_entries (org_id, aircraft_id, id),
    CONSTRAINT fk_utilisation_entries_reporter_id FOREIGN KEY (reporter_id) REFERENCES users (id),
    CONSTRAINT ck_utilisation_entries_kind CHECK (kind IN ('OPENING', 'FLIGHT', 'CORRECTION')),
    CONSTRAINT ck_utilisation_entries_corrects CHECK ((kind = 'CORRECTION') = (corrects_id IS NOT NULL)),
    CONSTRAINT ck_utilisation_entries_not_negative CHECK (
        kind = 'CORRECTION' OR (minutes >= 0 AND cycles >= 0)),
    CONSTRAINT ck_utilisation_entries_day CHECK (kind <> 'FLIGHT' OR minutes <= 1440),
    CONSTRAINT ck_utilisation_entries_not_empty CHECK (minutes <> 0 OR cycles <> 0),
    CONSTRAINT ck_utilisation_entries_note CHECK (length(note) BETWEEN 1 AND 1000)
)
"""

# A cascade runs inside the foreign key's own trigger: depth 2. A DELETE that someone sends has depth 1.
REFUSE_CHANGE = """
CREATE FUNCTION utilisation_entries_refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.kind = 'OPENING' AND pg_trigger_depth() > 1 THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the utilisation log is append-only: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'Record a correction that names the entry.';
END
$$
"""

INDEXES = {
    "aircraft_types": ("manufacturer", "model", "icao_designator", "category", "engine_count", "created_at"),
    "aircraft": (
        "registration",
        "type_id",
        "serial_number",
        "status",
        "manufactured_on",
        "base_airport",
        "total_minutes",
        "total_cycles",
        "created_at",
        "updated_at",
    ),
    "utilisation_entries": ("corrects_id", "flown_on", "kind", "reporter_id", "created_at"),
}


def _indexes() -> list[str]:
    return [
        *(
            f"CREATE INDEX ix_{table}_org_id_{column}_id ON {table} (org_id, {column}, id)"
            for table, columns in INDEXES.items()
            for column in columns
        ),
        "CREATE UNIQUE INDEX uq_aircraft_types_name ON aircraft_types (org_id, lower(manufacturer), lower(model))",
        "CREATE INDEX ix_utilisation_entries_org_id_aircraft_id_flown_on_id"
        " ON utilisation_entries (org_id, aircraft_id, flown_on, id)",
        "CREATE UNIQUE INDEX uq_utilisation_entries_opening"
        " ON utilisation_entries (org_id, aircraft_id) WHERE kind = 'OPENING'",
    ]


def upgrade() -> None:
    statements = [
        "SET LOCAL lock_timeout = '5s'",
        AIRCRAFT_TYPES,
        AIRCRAFT,
        UTILISATION,
        *_indexes(),
        REFUSE_CHANGE,
        "CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON utilisation_entries"
        " FOR EACH ROW EXECUTE FUNCTION utilisation_entries_refuse_change()",
        "CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON utilisation_entries"
        " FOR EACH STATEMENT EXECUTE FUNCTION utilisation_entries_refuse_change()",
        "ALTER TABLE utilisation_entries ENABLE ALWAYS TRIGGER refuse_change",
        "ALTER TABLE utilisation_entries ENABLE ALWAYS TRIGGER refuse_truncate",
        *protect("aircraft_types"),
        *protect("aircraft"),
        *protect("utilisation_entries", grants="SELECT, INSERT"),
    ]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in ("utilisation_entries", "aircraft", "aircraft_types"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION utilisation_entries_refuse_change()")

"""Components, maintenance programmes, directives, and views of what is due.

What was accomplished or complied with is never changed: the app role may only revoke it, and say which record is the
last that counts.
"""

from alembic import op

from db.maintenance.views import VIEWS
from db.rls import APP_ROLE, protect
from db.search import searchable

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

STAMPS = """
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()"""

SETTINGS = [
    "ALTER TABLE organizations ADD COLUMN utilisation_window_days integer NOT NULL DEFAULT 90"
    " CONSTRAINT ck_organizations_utilisation_window_days CHECK (utilisation_window_days BETWEEN 7 AND 730)",
    "ALTER TABLE organizations ADD COLUMN due_soon_days integer NOT NULL DEFAULT 30"
    " CONSTRAINT ck_organizations_due_soon_days CHECK (due_soon_days BETWEEN 0 AND 365)",
    f"GRANT UPDATE (utilisation_window_days, due_soon_days) ON organizations TO {APP_ROLE}",
]

COMPONENTS = f"""
CREATE TABLE components (
    org_id uuid NOT NULL, id uuid NOT NULL, part_number text NOT NULL, serial_number text NOT NULL,
    description text NOT NULL,
    manufacturer text,
    manufactured_on date,
    opening_minutes integer NOT NULL DEFAULT 0, opening_cycles integer NOT NULL DEFAULT 0,
    overhauled_on date,
    overhaul_minutes integer, overhaul_cycles integer, life_limit_minutes integer, life_limit_cycles integer,
    life_limit_months integer,{STAMPS},
    CONSTRAINT pk_components PRIMARY KEY (org_id, id),
    CONSTRAINT ck_components_part_number CHECK (part_number = upper(part_number) AND length(part_number) BETWEEN
        1 AND 50),
    CONSTRAINT ck_components_serial_number CHECK (serial_number = upper(serial_number) AND length(serial_number)
        BETWEEN 1 AND 50),
    CONSTRAINT ck_components_description CHECK (length(description) BETWEEN 1 AND 200),
    CONSTRAINT ck_components_manufacturer CHECK (length(manufacturer) BETWEEN 1 AND 100),
    CONSTRAINT ck_components_opening CHECK (opening_minutes >= 0 AND opening_cycles >= 0),
    CONSTRAINT ck_components_overhaul CHECK (num_nulls(overhauled_on, overhaul_minutes, overhaul_cycles) IN (0, 3)),
    CONSTRAINT ck_components_overhaul_life CHECK (overhaul_minutes >= 0 AND overhaul_cycles >= 0),
    CONSTRAINT ck_components_life_limits CHECK (life_limit_minutes > 0 AND life_limit_cycles > 0 AND
        life_limit_months > 0),
    CONSTRAINT ck_components_calendar_life CHECK (life_limit_months IS NULL OR manufactured_on IS NOT NULL),
    CONSTRAINT uq_components_org_id_part_number_serial_number UNIQUE (org_id, part_number, serial_number),
    CONSTRAINT fk_components_org_id FOREIGN KEY (org_id) REFERENCES organizations (id)
)
"""

INSTALLATIONS = f"""
CREATE TABLE installations (
    org_id uuid NOT NULL, id uuid NOT NULL, component_id uuid NOT NULL, aircraft_id uuid NOT NULL,
    position text NOT NULL,
    number integer NOT NULL, previous integer, previous_removed_on date, installed_on date NOT NULL,
    aircraft_minutes integer NOT NULL, aircraft_cycles integer NOT NULL, component_minutes integer NOT NULL,
    component_cycles integer NOT NULL,
    removed_on date,
    removed_aircraft_minutes integer, removed_aircraft_cycles integer,
    removed_component_minutes integer GENERATED ALWAYS AS (component_minutes + removed_aircraft_minutes -
        aircraft_minutes) STORED,
    removed_component_cycles integer GENERATED ALWAYS AS (component_cycles + removed_aircraft_cycles -
        aircraft_cycles) STORED,
    removal_reason text,{STAMPS},
    CONSTRAINT pk_installations PRIMARY KEY (org_id, id),
    CONSTRAINT ck_installations_position CHECK (length(position) BETWEEN 1 AND 50 AND position = upper(position)),
    CONSTRAINT ck_installations_number CHECK (number = coalesce(previous, 0) + 1),
    CONSTRAINT ck_installations_previous CHECK ((previous IS NULL) = (previous_removed_on IS NULL)),
    CONSTRAINT ck_installations_days CHECK (installed_on >= previous_removed_on AND removed_on >= installed_on),
    CONSTRAINT ck_installations_removed CHECK (num_nulls(removed_on, removed_aircraft_minutes,
        removed_aircraft_cycles) IN (0, 3)),
    CONSTRAINT ck_installations_not_backwards CHECK (removed_aircraft_minutes >= aircraft_minutes AND
        removed_aircraft_cycles >= aircraft_cycles),
    CONSTRAINT ck_installations_removal_reason CHECK (length(removal_reason) BETWEEN 1 AND 1000),
    CONSTRAINT ck_installations_reason_of_removal CHECK (removal_reason IS NULL OR removed_on IS NOT NULL),
    CONSTRAINT fk_installations_org_id_component_id FOREIGN KEY (org_id, component_id) REFERENCES components
        (org_id, id),
    CONSTRAINT fk_installations_org_id_aircraft_id FOREIGN KEY (org_id, aircraft_id) REFERENCES aircraft
        (org_id, id),
    CONSTRAINT uq_installations_org_id_component_id_number UNIQUE (org_id, component_id, number),
    CONSTRAINT uq_installations_end UNIQUE (org_id, component_id, number, removed_on, removed_component_minutes,
        removed_component_cycles),
    CONSTRAINT fk_installations_previous FOREIGN KEY (org_id, component_id, previous, previous_removed_on,
        component_minutes, component_cycles) REFERENCES installations (org_id, component_id, number, removed_on,
        removed_component_minutes, removed_component_cycles) ON UPDATE CASCADE,
    CONSTRAINT fk_installations_org_id FOREIGN KEY (org_id) REFERENCES organizations (id)
)
"""

PROGRAMMES = f"""
CREATE TABLE programmes (
    org_id uuid NOT NULL, id uuid NOT NULL,
    name text NOT NULL,
    type_id uuid NOT NULL,
    revision text,
    approval text,
    approved_on date,{STAMPS},
    CONSTRAINT pk_programmes PRIMARY KEY (org_id, id),
    CONSTRAINT ck_programmes_name CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT ck_programmes_revision CHECK (length(revision) BETWEEN 1 AND 50),
    CONSTRAINT ck_programmes_approval CHECK (length(approval) BETWEEN 1 AND 200),
    CONSTRAINT fk_programmes_org_id_type_id FOREIGN KEY (org_id, type_id) REFERENCES aircraft_types (org_id, id),
    CONSTRAINT uq_programmes_org_id_name UNIQUE (org_id, name),
    CONSTRAINT fk_programmes_org_id FOREIGN KEY (org_id) REFERENCES organizations (id)
)
"""

PROGRAMME_TASKS = f"""
CREATE TABLE programme_tasks (
    org_id uuid NOT NULL, id uuid NOT NULL, programme_id uuid NOT NULL,
    code text NOT NULL,
    title text NOT NULL,
    description text,
    part_number text,
    interval_minutes integer, interval_cycles integer, interval_days integer, interval_months integer,
    threshold_minutes integer, threshold_cycles integer, threshold_days integer, threshold_months integer,
    tolerance_minutes integer NOT NULL DEFAULT 0, tolerance_cycles integer NOT NULL DEFAULT 0,
    tolerance_days integer NOT NULL DEFAULT 0,
    rebasing text NOT NULL DEFAULT 'FROM_ACCOMPLISHMENT',
    airworthiness_limitation boolean NOT NULL DEFAULT false,
    required_inspection boolean NOT NULL DEFAULT false,
    withdrawn_on date,{STAMPS},
    CONSTRAINT pk_programme_tasks PRIMARY KEY (org_id, id),
    CONSTRAINT ck_programme_tasks_rebasing CHECK (rebasing IN ('FROM_ACCOMPLISHMENT', 'FROM_DUE_WHEN_IN_WINDOW')),
    CONSTRAINT ck_programme_tasks_code CHECK (length(code) BETWEEN 1 AND 50),
    CONSTRAINT ck_programme_tasks_title CHECK (length(title) BETWEEN 1 AND 200),
    CONSTRAINT ck_programme_tasks_description CHECK (length(description) BETWEEN 1 AND 10000),
    CONSTRAINT ck_programme_tasks_part_number CHECK (part_number = upper(part_number) AND length(part_number)
        BETWEEN 1 AND 50),
    CONSTRAINT ck_programme_tasks_intervals CHECK (interval_minutes > 0 AND interval_cycles > 0 AND
        interval_days > 0 AND interval_months > 0),
    CONSTRAINT ck_programme_tasks_thresholds CHECK (threshold_minutes > 0 AND threshold_cycles > 0 AND
        threshold_days > 0 AND threshold_months > 0),
    CONSTRAINT ck_programme_tasks_limited CHECK (num_nonnulls(interval_minutes, interval_cycles, interval_days,
        interval_months, threshold_minutes, threshold_cycles, threshold_days, threshold_months) > 0),
    CONSTRAINT ck_programme_tasks_tolerances CHECK (tolerance_minutes >= 0 AND tolerance_cycles >= 0 AND
        tolerance_days >= 0 AND (NOT airworthiness_limitation OR tolerance_minutes + tolerance_cycles +
        tolerance_days = 0)),
    CONSTRAINT fk_programme_tasks_org_id_programme_id FOREIGN KEY (org_id, programme_id) REFERENCES programmes
        (org_id, id) ON DELETE CASCADE,
    CONSTRAINT uq_programme_tasks_org_id_programme_id_code UNIQUE (org_id, programme_id, code),
    CONSTRAINT fk_programme_tasks_org_id FOREIGN KEY (org_id) REFERENCES organizations (id)
)
"""

AIRCRAFT_PROGRAMMES = """
CREATE TABLE aircraft_programmes (
    org_id uuid NOT NULL, id uuid NOT NULL, aircraft_id uuid NOT NULL, programme_id uuid NOT NULL,
    since date NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_aircraft_programmes PRIMARY KEY (org_id, id),
    CONSTRAINT fk_aircraft_programmes_org_id_aircraft_id FOREIGN KEY (org_id, aircraft_id) REFERENCES aircraft
        (org_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_aircraft_programmes_org_id_programme_id FOREIGN KEY (org_id, programme_id) REFERENCES
        programmes (org_id, id),
    CONSTRAINT uq_aircraft_programmes_org_id_aircraft_id_programme_id UNIQUE (org_id, aircraft_id, programme_id),
    CONSTRAINT fk_aircraft_programmes_org_id FOREIGN KEY (org_id) REFERENCES organizations (id)
)
"""

ACCOMPLISHMENTS = """
CREATE TABLE accomplishments (
    org_id uuid NOT NULL, id uuid NOT NULL, aircraft_id uuid NOT NULL, task_id uuid NOT NULL, component_id uuid,
    performed_on date NOT NULL,
    minutes integer NOT NULL, cycles integer NOT NULL,
    component_minutes integer, component_cycles integer, basis_minutes integer NOT NULL,
    basis_cycles integer NOT NULL,
    basis_on date NOT NULL,
    is_latest boolean NOT NULL DEFAULT true,
    task_card_id uuid, recorder_id uuid,
    note text,
    revoked_at timestamptz, revoker_id uuid, revocation text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_accomplishments PRIMARY KEY (org_id, id),
    CONSTRAINT ck_accomplishments_readings CHECK (minutes >= 0 AND cycles >= 0),
    CONSTRAINT ck_accomplishments_component CHECK (num_nulls(component_id, component_minutes, component_cycles)
        IN (0, 3)),
    CONSTRAINT ck_accomplishments_note CHECK (length(note) BETWEEN 1 AND 1000),
    CONSTRAINT ck_accomplishments_revocation CHECK (length(revocation) BETWEEN 1 AND 1000),
    CONSTRAINT ck_accomplishments_revoked CHECK ((revoked_at IS NULL) = (revocation IS NULL)),
    CONSTRAINT ck_accomplishments_latest CHECK (NOT is_latest OR revoked_at IS NULL),
    CONSTRAINT fk_accomplishments_org_id_aircraft_id FOREIGN KEY (org_id, aircraft_id) REFERENCES aircraft
        (org_id, id),
    CONSTRAINT fk_accomplishments_org_id_task_id FOREIGN KEY (org_id, task_id) REFERENCES programme_tasks
        (org_id, id),
    CONSTRAINT fk_accomplishments_org_id_component_id FOREIGN KEY (org_id, component_id) REFERENCES components
        (org_id, id),
    CONSTRAINT fk_accomplishments_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_accomplishments_recorder_id FOREIGN KEY (recorder_id) REFERENCES users (id),
    CONSTRAINT fk_accomplishments_revoker_id FOREIGN KEY (revoker_id) REFERENCES users (id)
)
"""

DIRECTIVES = f"""
CREATE TABLE directives (
    org_id uuid NOT NULL, id uuid NOT NULL,
    kind text NOT NULL,
    number text NOT NULL,
    revision text,
    title text NOT NULL,
    issuer text NOT NULL,
    effective_on date NOT NULL,
    method text,
    threshold_minutes integer, threshold_cycles integer, within_minutes integer, within_cycles integer,
    within_days integer, within_months integer, interval_minutes integer, interval_cycles integer,
    interval_days integer, interval_months integer,
    superseded_by_id uuid,{STAMPS},
    CONSTRAINT pk_directives PRIMARY KEY (org_id, id),
    CONSTRAINT ck_directives_kind CHECK (kind IN ('AD', 'SB')),
    CONSTRAINT ck_directives_number CHECK (length(number) BETWEEN 1 AND 50 AND number = upper(number)),
    CONSTRAINT ck_directives_revision CHECK (length(revision) BETWEEN 1 AND 50),
    CONSTRAINT ck_directives_title CHECK (length(title) BETWEEN 1 AND 200),
    CONSTRAINT ck_directives_issuer CHECK (length(issuer) BETWEEN 1 AND 100),
    CONSTRAINT ck_directives_method CHECK (length(method) BETWEEN 1 AND 10000),
    CONSTRAINT ck_directives_intervals CHECK (interval_minutes > 0 AND interval_cycles > 0 AND interval_days > 0
        AND interval_months > 0),
    CONSTRAINT ck_directives_thresholds CHECK (threshold_minutes > 0 AND threshold_cycles > 0),
    CONSTRAINT ck_directives_within CHECK (within_minutes >= 0 AND within_cycles >= 0 AND within_days >= 0 AND
        within_months >= 0),
    CONSTRAINT ck_directives_superseded CHECK (superseded_by_id <> id),
    CONSTRAINT fk_directives_org_id_superseded_by_id FOREIGN KEY (org_id, superseded_by_id) REFERENCES
        directives (org_id, id),
    CONSTRAINT fk_directives_org_id FOREIGN KEY (org_id) REFERENCES organizations (id)
)
"""

DIRECTIVE_APPLICABILITY = """
CREATE TABLE directive_applicability (
    org_id uuid NOT NULL, id uuid NOT NULL, directive_id uuid NOT NULL, type_id uuid NOT NULL, serial_from text,
    serial_to text,
    CONSTRAINT pk_directive_applicability PRIMARY KEY (org_id, id),
    CONSTRAINT ck_directive_applicability_serial_from CHECK (length(serial_from) BETWEEN 1 AND 50 AND
        serial_from = upper(serial_from)),
    CONSTRAINT ck_directive_applicability_serial_to CHECK (length(serial_to) BETWEEN 1 AND 50 AND serial_to =
        upper(serial_to)),
    CONSTRAINT fk_directive_applicability_org_id_directive_id FOREIGN KEY (org_id, directive_id) REFERENCES
        directives (org_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_directive_applicability_org_id_type_id FOREIGN KEY (org_id, type_id) REFERENCES aircraft_types
        (org_id, id),
    CONSTRAINT fk_directive_applicability_org_id FOREIGN KEY (org_id) REFERENCES organizations (id)
)
"""

DIRECTIVE_ENTRIES = """
CREATE TABLE directive_entries (
    org_id uuid NOT NULL, id uuid NOT NULL, aircraft_id uuid NOT NULL, directive_id uuid NOT NULL,
    decision text NOT NULL,
    performed_on date NOT NULL,
    minutes integer NOT NULL, cycles integer NOT NULL,
    method text NOT NULL,
    terminating boolean NOT NULL DEFAULT false,
    is_latest boolean NOT NULL DEFAULT true,
    task_card_id uuid, recorder_id uuid, revoked_at timestamptz, revoker_id uuid, revocation text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_directive_entries PRIMARY KEY (org_id, id),
    CONSTRAINT ck_directive_entries_decision CHECK (decision IN ('COMPLIED', 'NOT_APPLICABLE')),
    CONSTRAINT ck_directive_entries_readings CHECK (minutes >= 0 AND cycles >= 0),
    CONSTRAINT ck_directive_entries_method CHECK (length(method) BETWEEN 1 AND 1000),
    CONSTRAINT ck_directive_entries_terminating CHECK (decision = 'COMPLIED' OR NOT terminating),
    CONSTRAINT ck_directive_entries_revocation CHECK (length(revocation) BETWEEN 1 AND 1000),
    CONSTRAINT ck_directive_entries_revoked CHECK ((revoked_at IS NULL) = (revocation IS NULL)),
    CONSTRAINT ck_directive_entries_latest CHECK (NOT is_latest OR revoked_at IS NULL),
    CONSTRAINT fk_directive_entries_org_id_aircraft_id FOREIGN KEY (org_id, aircraft_id) REFERENCES aircraft
        (org_id, id),
    CONSTRAINT fk_directive_entries_org_id_directive_id FOREIGN KEY (org_id, directive_id) REFERENCES directives
        (org_id, id),
    CONSTRAINT fk_directive_entries_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_directive_entries_recorder_id FOREIGN KEY (recorder_id) REFERENCES users (id),
    CONSTRAINT fk_directive_entries_revoker_id FOREIGN KEY (revoker_id) REFERENCES users (id)
)
"""

INDEXES = {
    "components": ("part_number", "serial_number", "manufactured_on", "overhauled_on", "created_at"),
    "installations": ("component_id", "position", "installed_on", "removed_on", "created_at"),
    "programmes": ("name", "type_id", "approved_on", "created_at"),
    "programme_tasks": (
        "programme_id",
        "code",
        "title",
        "part_number",
        "airworthiness_limitation",
        "withdrawn_on",
        "created_at",
    ),
    "aircraft_programmes": ("programme_id", "since", "created_at"),
    "accomplishments": (
        "task_id",
        "component_id",
        "task_card_id",
        "performed_on",
        "recorder_id",
        "revoked_at",
        "created_at",
    ),
    "directives": ("kind", "number", "issuer", "effective_on", "superseded_by_id", "created_at"),
    "directive_applicability": ("directive_id", "type_id"),
    "directive_entries": (
        "directive_id",
        "decision",
        "task_card_id",
        "performed_on",
        "recorder_id",
        "revoked_at",
        "created_at",
    ),
}
OTHER_INDEXES = [
    "CREATE UNIQUE INDEX uq_installations_on_aircraft ON installations (org_id, component_id) WHERE removed_on IS NULL",
    "CREATE UNIQUE INDEX uq_installations_place ON installations (org_id, aircraft_id, position)"
    " WHERE removed_on IS NULL",
    "CREATE INDEX ix_installations_org_id_aircraft_id_installed_on_id"
    " ON installations (org_id, aircraft_id, installed_on, id)",
    "CREATE UNIQUE INDEX uq_accomplishments_latest_on_aircraft ON accomplishments (org_id, aircraft_id, task_id)"
    " WHERE is_latest AND component_id IS NULL",
    "CREATE UNIQUE INDEX uq_accomplishments_latest_on_component ON accomplishments (org_id, component_id, task_id)"
    " WHERE is_latest AND component_id IS NOT NULL",
    "CREATE INDEX ix_accomplishments_org_id_aircraft_id_performed_on_id"
    " ON accomplishments (org_id, aircraft_id, performed_on, id)",
    "CREATE UNIQUE INDEX uq_directives_number ON directives (org_id, number, coalesce(revision, ''))",
    "CREATE UNIQUE INDEX uq_directive_entries_latest ON directive_entries (org_id, aircraft_id, directive_id)"
    " WHERE is_latest",
    "CREATE INDEX ix_directive_entries_org_id_aircraft_id_performed_on_id"
    " ON directive_entries (org_id, aircraft_id, performed_on, id)",
]
SEARCHED = {
    "components": ("part_number", "serial_number", "description"),
    "programme_tasks": ("code", "title"),
    "directives": ("number", "title"),
}
REVOCABLE = "SELECT, INSERT, UPDATE (is_latest, revoked_at, revoker_id, revocation)"


def upgrade() -> None:
    statements = [
        "SET LOCAL lock_timeout = '5s'",
        *SETTINGS,
        COMPONENTS,
        INSTALLATIONS,
        PROGRAMMES,
        PROGRAMME_TASKS,
        AIRCRAFT_PROGRAMMES,
        ACCOMPLISHMENTS,
        DIRECTIVES,
        DIRECTIVE_APPLICABILITY,
        DIRECTIVE_ENTRIES,
        *(
            f"CREATE INDEX ix_{table}_org_id_{column}_id ON {table} (org_id, {column}, id)"
            for table, columns in INDEXES.items()
            for column in columns
        ),
        *OTHER_INDEXES,
    ]
    for table, columns in SEARCHED.items():
        statements += searchable(table, *columns)
        statements.append(f"CREATE INDEX ix_{table}_search ON {table} USING gin (org_id, search_text gin_trgm_ops)")
    statements += [
        *protect("components"),
        *protect("installations", grants="SELECT, INSERT, UPDATE"),
        *protect("programmes"),
        *protect("programme_tasks"),
        *protect("aircraft_programmes", grants="SELECT, INSERT, DELETE"),
        *protect("accomplishments", grants=REVOCABLE),
        *protect("directives"),
        *protect("directive_applicability", grants="SELECT, INSERT, DELETE"),
        *protect("directive_entries", grants=REVOCABLE),
    ]
    for name, view in VIEWS.items():
        statements += [view, f"GRANT SELECT ON {name} TO {APP_ROLE}"]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for view in reversed(VIEWS):
        op.execute(f"DROP VIEW {view}")
    for table in SEARCHED:
        op.execute(f"DROP FUNCTION search_{table}(text[], text)")
    for table in reversed(INDEXES):
        op.execute(f"DROP TABLE {table}")
    for column in ("due_soon_days", "utilisation_window_days"):
        op.execute(f"ALTER TABLE organizations DROP COLUMN {column}")

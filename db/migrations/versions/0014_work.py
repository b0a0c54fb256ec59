"""Work orders, task cards, sign-offs, defects and deferrals.

Nothing of this can be deleted: the app role is granted no DELETE. Sign-offs cannot be changed either, by grant and by
triggers that refuse it to everyone, the owner included.
"""

from alembic import op

from db.rls import protect
from db.search import searchable

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

STAMPS = """
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()"""

WORK_ORDERS = f"""
CREATE TABLE work_orders (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    number integer NOT NULL,
    aircraft_id uuid NOT NULL,
    title text NOT NULL,
    description text,
    status text NOT NULL DEFAULT 'DRAFT',
    planned_start_on date,
    planned_end_on date,
    creator_id uuid,
    cancellation_reason text,
    released_at timestamptz,{STAMPS},
    CONSTRAINT pk_work_orders PRIMARY KEY (org_id, id),
    CONSTRAINT uq_work_orders_org_id_number UNIQUE (org_id, number),
    CONSTRAINT uq_work_orders_org_id_id_aircraft_id UNIQUE (org_id, id, aircraft_id),
    CONSTRAINT fk_work_orders_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_work_orders_org_id_aircraft_id FOREIGN KEY (org_id, aircraft_id) REFERENCES aircraft (org_id, id),
    CONSTRAINT fk_work_orders_creator_id FOREIGN KEY (creator_id) REFERENCES users (id),
    CONSTRAINT ck_work_orders_status CHECK (status IN (
        'DRAFT', 'OPEN', 'IN_PROGRESS', 'AWAITING_RELEASE', 'RELEASED', 'CLOSED', 'CANCELLED')),
    CONSTRAINT ck_work_orders_number CHECK (number >= 1),
    CONSTRAINT ck_work_orders_title CHECK (length(title) BETWEEN 1 AND 200),
    CONSTRAINT ck_work_orders_description CHECK (length(description) BETWEEN 1 AND 10000),
    CONSTRAINT ck_work_orders_planned CHECK (planned_end_on >= planned_start_on),
    CONSTRAINT ck_work_orders_cancelled CHECK ((status = 'CANCELLED') = (cancellation_reason IS NOT NULL)),
    CONSTRAINT ck_work_orders_cancellation_reason CHECK (length(cancellation_reason) BETWEEN 1 AND 1000),
    CONSTRAINT ck_work_orders_released CHECK ((status IN ('RELEASED', 'CLOSED')) = (released_at IS NOT NULL))
)
"""

# Defects and cards name each other; the key from card to defect comes when both are there.
TASK_CARDS = f"""
CREATE TABLE task_cards (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    work_order_id uuid NOT NULL,
    aircraft_id uuid NOT NULL,
    number integer NOT NULL,
    title text NOT NULL,
    reference text,
    instructions text,
    inspection_required boolean NOT NULL DEFAULT false,
    status text NOT NULL DEFAULT 'OPEN',
    incomplete boolean NOT NULL DEFAULT false,
    assignee_id uuid,
    task_id uuid,
    component_id uuid,
    directive_id uuid,
    defect_id uuid,
    cancellation_reason text,{STAMPS},
    CONSTRAINT pk_task_cards PRIMARY KEY (org_id, id),
    CONSTRAINT uq_task_cards_org_id_work_order_id_number UNIQUE (org_id, work_order_id, number),
    CONSTRAINT uq_task_cards_org_id_id_aircraft_id UNIQUE (org_id, id, aircraft_id),
    CONSTRAINT fk_task_cards_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_task_cards_org_id_work_order_id_aircraft_id FOREIGN KEY (org_id, work_order_id, aircraft_id)
        REFERENCES work_orders (org_id, id, aircraft_id),
    CONSTRAINT fk_task_cards_org_id_assignee_id FOREIGN KEY (org_id, assignee_id)
        REFERENCES memberships (org_id, user_id),
    CONSTRAINT fk_task_cards_org_id_task_id FOREIGN KEY (org_id, task_id) REFERENCES programme_tasks (org_id, id),
    CONSTRAINT fk_task_cards_org_id_component_id FOREIGN KEY (org_id, component_id)
        REFERENCES components (org_id, id),
    CONSTRAINT fk_task_cards_org_id_directive_id FOREIGN KEY (org_id, directive_id)
        REFERENCES directives (org_id, id),
    CONSTRAINT ck_task_cards_status CHECK (status IN (
        'OPEN', 'IN_PROGRESS', 'PERFORMED', 'INSPECTED', 'CLOSED', 'CANCELLED')),
    CONSTRAINT ck_task_cards_number CHECK (number >= 1),
    CONSTRAINT ck_task_cards_title CHECK (length(title) BETWEEN 1 AND 300),
    CONSTRAINT ck_task_cards_reference CHECK (length(reference) BETWEEN 1 AND 200),
    CONSTRAINT ck_task_cards_instructions CHECK (length(instructions) BETWEEN 1 AND 20000),
    CONSTRAINT ck_task_cards_source CHECK (num_nonnulls(task_id, directive_id, defect_id) <= 1),
    CONSTRAINT ck_task_cards_component CHECK (component_id IS NULL OR task_id IS NOT NULL),
    CONSTRAINT ck_task_cards_inspected CHECK (status <> 'INSPECTED' OR inspection_required),
    CONSTRAINT ck_task_cards_cancelled CHECK ((status = 'CANCELLED') = (cancellation_reason IS NOT NULL)),
    CONSTRAINT ck_task_cards_cancellation_reason CHECK (length(cancellation_reason) BETWEEN 1 AND 1000),
    CONSTRAINT ck_task_cards_incomplete CHECK (status = 'CLOSED' OR NOT incomplete)
)
"""

SIGN_OFFS = """
CREATE TABLE sign_offs (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    task_card_id uuid NOT NULL,
    kind text NOT NULL,
    signatory_id uuid NOT NULL,
    authorisation_id uuid NOT NULL,
    note text,
    total_minutes integer NOT NULL,
    total_cycles integer NOT NULL,
    signed_on date NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_sign_offs PRIMARY KEY (org_id, id),
    CONSTRAINT fk_sign_offs_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_sign_offs_org_id_task_card_id FOREIGN KEY (org_id, task_card_id) REFERENCES task_cards (org_id, id),
    CONSTRAINT fk_sign_offs_org_id_signatory_id FOREIGN KEY (org_id, signatory_id)
        REFERENCES memberships (org_id, user_id),
    CONSTRAINT fk_sign_offs_org_id_authorisation_id FOREIGN KEY (org_id, authorisation_id)
        REFERENCES authorisations (org_id, id),
    CONSTRAINT ck_sign_offs_kind CHECK (kind IN ('PERFORMANCE', 'INSPECTION', 'REJECTION', 'CLOSURE')),
    CONSTRAINT ck_sign_offs_note CHECK (length(note) BETWEEN 1 AND 4000),
    CONSTRAINT ck_sign_offs_says_what CHECK (kind NOT IN ('PERFORMANCE', 'REJECTION') OR note IS NOT NULL),
    CONSTRAINT ck_sign_offs_totals CHECK (total_minutes >= 0 AND total_cycles >= 0)
)
"""

DEFECTS = f"""
CREATE TABLE defects (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    number integer NOT NULL,
    aircraft_id uuid NOT NULL,
    task_card_id uuid,
    description text NOT NULL,
    ata_chapter text,
    status text NOT NULL DEFAULT 'OPEN',
    found_on date NOT NULL,
    reporter_id uuid,
    rectified_on date,{STAMPS},
    CONSTRAINT pk_defects PRIMARY KEY (org_id, id),
    CONSTRAINT uq_defects_org_id_number UNIQUE (org_id, number),
    CONSTRAINT uq_defects_org_id_id_aircraft_id UNIQUE (org_id, id, aircraft_id),
    CONSTRAINT fk_defects_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_defects_org_id_aircraft_id FOREIGN KEY (org_id, aircraft_id) REFERENCES aircraft (org_id, id),
    CONSTRAINT fk_defects_org_id_task_card_id_aircraft_id FOREIGN KEY (org_id, task_card_id, aircraft_id)
        REFERENCES task_cards (org_id, id, aircraft_id),
    CONSTRAINT fk_defects_reporter_id FOREIGN KEY (reporter_id) REFERENCES users (id),
    CONSTRAINT ck_defects_status CHECK (status IN ('OPEN', 'DEFERRED', 'RECTIFIED')),
    CONSTRAINT ck_defects_number CHECK (number >= 1),
    CONSTRAINT ck_defects_description CHECK (length(description) BETWEEN 1 AND 4000),
    CONSTRAINT ck_defects_ata_chapter CHECK (ata_chapter ~ '^[0-9]{{2}}(-[0-9]{{2}}){{0,2}}$'),
    CONSTRAINT ck_defects_rectified CHECK ((status = 'RECTIFIED') = (rectified_on IS NOT NULL)),
    CONSTRAINT ck_defects_rectified_on CHECK (rectified_on >= found_on)
)
"""

DEFECT_OF_CARD = """
ALTER TABLE task_cards ADD CONSTRAINT fk_task_cards_org_id_defect_id_aircraft_id
    FOREIGN KEY (org_id, defect_id, aircraft_id) REFERENCES defects (org_id, id, aircraft_id)
"""

# What was done under a card names it. The tables of these records are as new as this one, and empty.
CARD_OF_RECORD = """
-- squawk-ignore adding-foreign-key-constraint, constraint-missing-not-valid
ALTER TABLE {table} ADD CONSTRAINT fk_{table}_org_id_task_card_id
    FOREIGN KEY (org_id, task_card_id) REFERENCES task_cards (org_id, id)
"""
RECORDS = ("accomplishments", "directive_entries")

DEFERRALS = f"""
CREATE TABLE deferrals (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    defect_id uuid NOT NULL,
    aircraft_id uuid NOT NULL,
    category text NOT NULL,
    mel_item text NOT NULL,
    limitations text,
    interval_days integer,
    deferred_on date NOT NULL,
    due_on date,
    due_minutes integer,
    due_cycles integer,
    signatory_id uuid NOT NULL,
    authorisation_id uuid NOT NULL,
    extension_days integer,
    extension_reason text,
    extended_on date,
    extender_id uuid,
    extended_authorisation_id uuid,
    ended_on date,{STAMPS},
    CONSTRAINT pk_deferrals PRIMARY KEY (org_id, id),
    CONSTRAINT uq_deferrals_org_id_defect_id UNIQUE (org_id, defect_id),
    CONSTRAINT fk_deferrals_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_deferrals_org_id_defect_id_aircraft_id FOREIGN KEY (org_id, defect_id, aircraft_id)
        REFERENCES defects (org_id, id, aircraft_id),
    CONSTRAINT fk_deferrals_org_id_signatory_id FOREIGN KEY (org_id, signatory_id)
        REFERENCES memberships (org_id, user_id),
    CONSTRAINT fk_deferrals_org_id_extender_id FOREIGN KEY (org_id, extender_id)
        REFERENCES memberships (org_id, user_id),
    CONSTRAINT fk_deferrals_org_id_authorisation_id FOREIGN KEY (org_id, authorisation_id)
        REFERENCES authorisations (org_id, id),
    CONSTRAINT fk_deferrals_org_id_extended_authorisation_id FOREIGN KEY (org_id, extended_authorisation_id)
        REFERENCES authorisations (org_id, id),
    CONSTRAINT ck_deferrals_category CHECK (category IN ('A', 'B', 'C', 'D')),
    CONSTRAINT ck_deferrals_mel_item CHECK (length(mel_item) BETWEEN 1 AND 50),
    CONSTRAINT ck_deferrals_limitations CHECK (length(limitations) BETWEEN 1 AND 4000),
    CONSTRAINT ck_deferrals_limits CHECK (interval_days >= 1 AND due_minutes >= 0 AND due_cycles >= 0),
    CONSTRAINT ck_deferrals_days CHECK ((interval_days IS NULL) = (due_on IS NULL)),
    CONSTRAINT ck_deferrals_interval CHECK (
        CASE category WHEN 'A' THEN num_nonnulls(due_on, due_minutes, due_cycles) >= 1
        ELSE num_nonnulls(due_minutes, due_cycles) = 0 AND interval_days IS NOT NULL
            AND interval_days = CASE category WHEN 'B' THEN 3 WHEN 'C' THEN 10 ELSE 120 END END),
    CONSTRAINT ck_deferrals_extension CHECK (
        extension_days IS NULL OR (category <> 'A' AND extension_days BETWEEN 1 AND interval_days)),
    CONSTRAINT ck_deferrals_extended CHECK (
        num_nonnulls(extension_days, extension_reason, extended_on, extender_id, extended_authorisation_id)
            IN (0, 5)),
    CONSTRAINT ck_deferrals_extension_reason CHECK (length(extension_reason) BETWEEN 1 AND 1000)
)
"""

REFUSE_CHANGE = """
CREATE FUNCTION sign_offs_refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'sign-offs are never changed: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$
"""

INDEXES = {
    "work_orders": (
        "title",
        "status",
        "planned_start_on",
        "planned_end_on",
        "released_at",
        "created_at",
    ),
    "task_cards": (
        "number",
        "aircraft_id",
        "title",
        "reference",
        "status",
        "inspection_required",
        "incomplete",
        "assignee_id",
        "task_id",
        "component_id",
        "directive_id",
        "defect_id",
        "created_at",
    ),
    "sign_offs": ("task_card_id", "kind", "signatory_id", "authorisation_id", "signed_on", "signed_at"),
    "defects": (
        "task_card_id",
        "status",
        "ata_chapter",
        "found_on",
        "rectified_on",
        "reporter_id",
        "created_at",
    ),
    "deferrals": ("category", "deferred_on", "due_on", "ended_on", "created_at"),
}
SEARCHED = {"work_orders": ("title", "description"), "task_cards": ("title", "reference"), "defects": ("description",)}
UNFINISHED = "status NOT IN ('CLOSED', 'CANCELLED')"


def _indexes() -> list[str]:
    return [
        *(
            f"CREATE INDEX ix_{table}_org_id_{column}_id ON {table} (org_id, {column}, id)"
            for table, columns in INDEXES.items()
            for column in columns
        ),
        "CREATE UNIQUE INDEX uq_task_cards_task ON task_cards (org_id, aircraft_id, task_id, component_id)"
        f" NULLS NOT DISTINCT WHERE task_id IS NOT NULL AND {UNFINISHED}",
        "CREATE UNIQUE INDEX uq_task_cards_directive ON task_cards (org_id, aircraft_id, directive_id)"
        f" WHERE directive_id IS NOT NULL AND {UNFINISHED}",
        "CREATE UNIQUE INDEX uq_task_cards_defect ON task_cards (org_id, defect_id)"
        f" WHERE defect_id IS NOT NULL AND {UNFINISHED}",
        "CREATE INDEX ix_work_orders_org_id_aircraft_id_number_id ON work_orders (org_id, aircraft_id, number, id)",
        "CREATE INDEX ix_defects_org_id_aircraft_id_number_id ON defects (org_id, aircraft_id, number, id)",
        "CREATE INDEX ix_task_cards_org_id_work_order_id_number_id ON task_cards (org_id, work_order_id, number, id)",
        "CREATE UNIQUE INDEX uq_sign_offs_closure ON sign_offs (org_id, task_card_id) WHERE kind = 'CLOSURE'",
        "CREATE INDEX ix_deferrals_org_id_aircraft_id_ended_on_id ON deferrals (org_id, aircraft_id, ended_on, id)",
    ]


def upgrade() -> None:
    statements = [
        "SET LOCAL lock_timeout = '5s'",
        WORK_ORDERS,
        TASK_CARDS,
        SIGN_OFFS,
        DEFECTS,
        DEFECT_OF_CARD,
        DEFERRALS,
        *(CARD_OF_RECORD.format(table=table) for table in RECORDS),
        *_indexes(),
        REFUSE_CHANGE,
        "CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON sign_offs"
        " FOR EACH ROW EXECUTE FUNCTION sign_offs_refuse_change()",
        "CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON sign_offs"
        " FOR EACH STATEMENT EXECUTE FUNCTION sign_offs_refuse_change()",
        "ALTER TABLE sign_offs ENABLE ALWAYS TRIGGER refuse_change",
        "ALTER TABLE sign_offs ENABLE ALWAYS TRIGGER refuse_truncate",
        *(
            statement
            for table in ("work_orders", "task_cards", "defects", "deferrals")
            for statement in protect(table, grants="SELECT, INSERT, UPDATE")
        ),
        *protect("sign_offs", grants="SELECT, INSERT"),
        *(statement for table, columns in SEARCHED.items() for statement in searchable(table, *columns)),
        *(
            f"CREATE INDEX ix_{table}_search ON {table} USING gin (org_id, search_text gin_trgm_ops)"
            for table in SEARCHED
        ),
    ]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE task_cards DROP CONSTRAINT fk_task_cards_org_id_defect_id_aircraft_id")
    for table in RECORDS:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT fk_{table}_org_id_task_card_id")
    for table in SEARCHED:
        op.execute(f"DROP FUNCTION search_{table}(text[], text)")
    for table in ("deferrals", "defects", "sign_offs", "task_cards", "work_orders"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION sign_offs_refuse_change()")

"""Collaboration: the feed and presence.

The channels of the feed are a view over organizations and departments, under the policies of who asks. Signs of life
are in an unlogged table: they are many, and worth nothing a minute later.
"""

from alembic import op

from db.rls import APP_ROLE, protect, system_access

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

CHANNEL = "channel_id uuid GENERATED ALWAYS AS (coalesce(department_id, org_id)) STORED"

CHANNELS = """
CREATE VIEW feed_channels WITH (security_invoker = true) AS
    SELECT o.id AS org_id, o.id, NULL::uuid AS department_id, o.name FROM organizations o
    UNION ALL
    SELECT d.org_id, d.id, d.id, d.name FROM departments d
"""

MESSAGES = f"""
CREATE TABLE feed_messages (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    department_id uuid,
    {CHANNEL} NOT NULL,
    number integer NOT NULL,
    author_id uuid,
    text text,
    edited_at timestamptz,
    deleted_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_feed_messages PRIMARY KEY (org_id, id),
    CONSTRAINT uq_feed_messages_org_id_channel_id_number UNIQUE (org_id, channel_id, number),
    CONSTRAINT fk_feed_messages_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_feed_messages_org_id_department_id FOREIGN KEY (org_id, department_id)
        REFERENCES departments (org_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_feed_messages_author_id FOREIGN KEY (author_id) REFERENCES users (id),
    CONSTRAINT ck_feed_messages_text CHECK (length(text) BETWEEN 1 AND 4000),
    CONSTRAINT ck_feed_messages_deleted CHECK ((text IS NULL) = (deleted_at IS NOT NULL)),
    CONSTRAINT ck_feed_messages_number CHECK (number >= 1)
)
"""

POSITIONS = f"""
CREATE TABLE feed_positions (
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    {CHANNEL} NOT NULL,
    department_id uuid,
    number integer NOT NULL,
    read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_feed_positions PRIMARY KEY (org_id, user_id, channel_id),
    CONSTRAINT fk_feed_positions_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_feed_positions_user_id FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT fk_feed_positions_org_id_department_id FOREIGN KEY (org_id, department_id)
        REFERENCES departments (org_id, id) ON DELETE CASCADE
)
"""

PRESENCES = """
CREATE TABLE presences (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    state text NOT NULL DEFAULT 'OFFLINE',
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_presences PRIMARY KEY (org_id, id),
    CONSTRAINT uq_presences_org_id_user_id UNIQUE (org_id, user_id),
    CONSTRAINT fk_presences_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_presences_user_id FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT ck_presences_state CHECK (state IN ('ACTIVE', 'IDLE', 'OFFLINE'))
)
"""

# No foreign keys: each would lock a row that many others need, and a beat that is left over is swept. Pages keep room
# for the next version of each row, which no index needs to know about.
BEATS = """
CREATE UNLOGGED TABLE presence_beats (
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    session_id uuid NOT NULL,
    state text NOT NULL,
    seen_at timestamptz NOT NULL,
    CONSTRAINT pk_presence_beats PRIMARY KEY (org_id, user_id, session_id),
    CONSTRAINT ck_presence_beats_state CHECK (state IN ('ACTIVE', 'IDLE', 'OFFLINE'))
) WITH (fillfactor = 50)
"""

INDEXES = [
    "CREATE INDEX ix_feed_messages_org_id_channel_id_created_at_id"
    " ON feed_messages (org_id, channel_id, created_at, id)",
    "CREATE INDEX ix_feed_messages_org_id_department_id_id ON feed_messages (org_id, department_id, id)",
    "CREATE INDEX ix_feed_messages_org_id_created_at_id ON feed_messages (org_id, created_at, id)",
    "CREATE INDEX ix_feed_positions_org_id_department_id ON feed_positions (org_id, department_id)",
    "CREATE INDEX ix_presences_org_id_state_id ON presences (org_id, state, id)",
    "CREATE INDEX ix_presences_org_id_since_id ON presences (org_id, since, id)",
    "CREATE INDEX ix_presences_present ON presences (id) WHERE state <> 'OFFLINE'",
]


def upgrade() -> None:
    statements = [
        "SET LOCAL lock_timeout = '5s'",
        CHANNELS,
        f"GRANT SELECT ON feed_channels TO {APP_ROLE}",
        MESSAGES,
        POSITIONS,
        PRESENCES,
        BEATS,
        *INDEXES,
        *protect("feed_messages", grants="SELECT, INSERT, UPDATE"),
        *protect("feed_positions", grants="SELECT, INSERT, UPDATE"),
        *protect("presences", grants="SELECT, INSERT, UPDATE"),
        *system_access("presences", "SELECT, UPDATE"),
        *protect("presence_beats"),
        *system_access("presence_beats", "SELECT, DELETE"),
    ]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP VIEW feed_channels")
    for table in ("presence_beats", "presences", "feed_positions", "feed_messages"):
        op.execute(f"DROP TABLE {table}")

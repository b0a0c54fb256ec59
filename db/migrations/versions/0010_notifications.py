"""Notifications, their mails, people's preferences, and how far each organization's log was followed.

Who follows the log begins with what is new: for organizations that are there already, behind their last event.
"""

from alembic import op

from db.rls import SYSTEM_ROLE, protect, system_access

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KINDS = "'MEMBERSHIP', 'SECURITY', 'AIRCRAFT_STATUS', 'UTILISATION_CORRECTED', 'FEED_MESSAGE'"

NOTIFICATIONS = f"""
CREATE TABLE notifications (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    event_id uuid NOT NULL,
    sequence bigint NOT NULL,
    kind text NOT NULL,
    text text NOT NULL,
    target_type text NOT NULL,
    target_id uuid NOT NULL,
    actor_id uuid,
    in_app boolean NOT NULL,
    occurred_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    read_at timestamptz,
    CONSTRAINT pk_notifications PRIMARY KEY (org_id, id),
    CONSTRAINT uq_notifications_org_id_user_id_event_id UNIQUE (org_id, user_id, event_id),
    CONSTRAINT fk_notifications_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_notifications_org_id_user_id FOREIGN KEY (org_id, user_id)
        REFERENCES memberships (org_id, user_id),
    CONSTRAINT ck_notifications_kind CHECK (kind IN ({KINDS})),
    CONSTRAINT ck_notifications_text CHECK (length(text) BETWEEN 1 AND 1000)
)
"""

MAILS = """
CREATE TABLE notification_mails (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    state text NOT NULL DEFAULT 'QUEUED',
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_notification_mails PRIMARY KEY (org_id, id),
    CONSTRAINT fk_notification_mails_org_id_id FOREIGN KEY (org_id, id)
        REFERENCES notifications (org_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_notification_mails_state CHECK (state IN ('QUEUED', 'SENDING', 'SENT', 'SKIPPED', 'REFUSED'))
)
"""

PREFERENCES = f"""
CREATE TABLE notification_preferences (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    channel text NOT NULL,
    enabled boolean NOT NULL,
    CONSTRAINT pk_notification_preferences PRIMARY KEY (org_id, id),
    CONSTRAINT uq_notification_preferences_org_id_user_id_kind_channel UNIQUE (org_id, user_id, kind, channel),
    CONSTRAINT fk_notification_preferences_org_id_user_id FOREIGN KEY (org_id, user_id)
        REFERENCES memberships (org_id, user_id),
    CONSTRAINT ck_notification_preferences_kind CHECK (kind IN ({KINDS})),
    CONSTRAINT ck_notification_preferences_channel CHECK (channel IN ('IN_APP', 'MAIL'))
)
"""

POSITIONS = """
CREATE TABLE notification_positions (
    org_id uuid NOT NULL CONSTRAINT pk_notification_positions PRIMARY KEY,
    seq bigint NOT NULL
)
"""

# As the role that may read every organization's head; the owner may not.
BEGIN = [
    f"SET LOCAL ROLE {SYSTEM_ROLE}",
    "INSERT INTO notification_positions (org_id, seq) SELECT org_id, seq FROM event_heads",
    "RESET ROLE",
]


def upgrade() -> None:
    statements = [
        "SET LOCAL lock_timeout = '5s'",
        NOTIFICATIONS,
        "CREATE INDEX ix_notifications_org_id_user_id_sequence ON notifications (org_id, user_id, sequence)",
        "CREATE INDEX ix_notifications_unread ON notifications (org_id, user_id, sequence)"
        " WHERE in_app AND read_at IS NULL",
        MAILS,
        PREFERENCES,
        POSITIONS,
        *protect("notifications", "SELECT, INSERT, UPDATE (read_at), DELETE"),
        *protect("notification_mails"),
        *protect("notification_preferences"),
        *protect("notification_positions", "SELECT, INSERT, UPDATE"),
        *system_access("notification_positions", "SELECT, INSERT"),
        *BEGIN,
    ]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in ("notification_mails", "notifications", "notification_preferences", "notification_positions"):
        op.execute(f"DROP TABLE {table}")

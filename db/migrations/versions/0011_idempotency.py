"""Idempotency keys: the answers to mutations, for whoever asks again.

A person sees their own keys in their organization, and nobody else's: the answers show what only they may see. The
system role sweeps them away and reads no answer.
"""

from alembic import op

from db.rls import APP_ROLE, CURRENT_ORG, CURRENT_USER, SYSTEM_ROLE, enable, policy

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEYS = """
CREATE TABLE idempotency_keys (
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    key text NOT NULL,
    digest bytea NOT NULL,
    status integer,
    answer bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (org_id, user_id, key),
    CONSTRAINT ck_idempotency_keys_key CHECK (length(key) BETWEEN 1 AND 255),
    CONSTRAINT ck_idempotency_keys_digest CHECK (length(digest) = 32)
)
"""


def upgrade() -> None:
    statements = [
        "SET LOCAL lock_timeout = '5s'",
        KEYS,
        "CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys (created_at)",
        *enable("idempotency_keys"),
        policy("idempotency_keys", "own", APP_ROLE, f"org_id = {CURRENT_ORG} AND user_id = {CURRENT_USER}"),
        f"GRANT SELECT, INSERT, UPDATE ON idempotency_keys TO {APP_ROLE}",
        policy("idempotency_keys", "sweep", SYSTEM_ROLE, "true", "SELECT"),
        policy("idempotency_keys", "forget", SYSTEM_ROLE, "true", "DELETE"),
        f"GRANT SELECT (org_id, user_id, key, created_at), DELETE ON idempotency_keys TO {SYSTEM_ROLE}",
    ]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP TABLE idempotency_keys")

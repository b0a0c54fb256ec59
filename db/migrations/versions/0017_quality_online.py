"""The kinds of notifications are checked while others write."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in ("notifications", "notification_preferences"):
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_kind")


def downgrade() -> None:
    """0016 takes away what is its own."""

"""What is done while others write: indexes, and a check of what is there already.

Outside of a transaction a migration can be killed half-way, so all of this can be repeated. Databases that earlier
forms of 0003 and 0005 made get what these make now.
"""

from alembic import op

from db.search import index_sql, searchable

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# The earlier 0005 knew no stored texts: it folded each row that it looked at.
SEARCHED = [
    *searchable("aircraft", "registration", "serial_number"),
    *searchable("aircraft_types", "manufacturer", "model", "icao_designator"),
    *searchable("users", "name", "email", tenant=False),
]
# The earlier 0003 had the days of this index downwards and the ids upwards, which no order asks for.
FLOWN = "ix_utilisation_entries_org_id_aircraft_id_flown_on_id"
ONLINE = [
    "ALTER TABLE organizations VALIDATE CONSTRAINT ck_organizations_plan",
    *index_sql("aircraft"),
    *index_sql("aircraft_types"),
    *index_sql("users", tenant=False),
    "DROP INDEX CONCURRENTLY IF EXISTS ix_outbox_pending_org_id",
    "CREATE INDEX CONCURRENTLY ix_outbox_pending_org_id ON outbox_pending (org_id)",
    f"DROP INDEX CONCURRENTLY IF EXISTS {FLOWN}",
    f"CREATE INDEX CONCURRENTLY {FLOWN} ON utilisation_entries (org_id, aircraft_id, flown_on, id)",
]


def upgrade() -> None:
    for statement in ["SET LOCAL lock_timeout = '5s'", *SEARCHED]:
        op.execute(statement)
    with op.get_context().autocommit_block():
        for statement in ONLINE:
            op.execute(statement)


def downgrade() -> None:
    """0005 and 0006 take away what is theirs."""

"""Search: folded text and a function for each table that is searched; 0007 makes the indexes.

Both extensions come with PostgreSQL and are trusted: whoever owns the database may install them.
"""

from alembic import op

from db.rls import SEARCH_ROLE, make_role, policy
from db.search import FOLD, WORDS, searchable, unsearchable

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TENANT_TABLES = {
    "aircraft": ("registration", "serial_number"),
    "aircraft_types": ("manufacturer", "model", "icao_designator"),
}
PEOPLE = ("name", "email")


def upgrade() -> None:
    statements = [
        "SET LOCAL lock_timeout = '5s'",
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        "CREATE EXTENSION IF NOT EXISTS btree_gin",
        *make_role(SEARCH_ROLE),
        FOLD,
        WORDS,
        # Who is searched for is a member: the function looks that up.
        policy("memberships", "search", SEARCH_ROLE, "true", "SELECT"),
        f"GRANT SELECT (org_id, user_id) ON memberships TO {SEARCH_ROLE}",
        *(statement for table, columns in TENANT_TABLES.items() for statement in searchable(table, *columns)),
        *searchable("users", *PEOPLE, tenant=False),
    ]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in (*TENANT_TABLES, "users"):
        for statement in unsearchable(table):
            op.execute(statement)
    op.execute("DROP POLICY search ON memberships")
    op.execute(f"REVOKE ALL ON memberships FROM {SEARCH_ROLE}")
    op.execute("DROP FUNCTION search_words(text)")
    op.execute("DROP FUNCTION search_fold(text)")

"""Operations: trusted documents, and the plan that says how much an organization may ask for."""

from alembic import op

from db.rls import APP_ROLE, SYSTEM_ROLE, enable, policy, system_access

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Global, so no organization guards it; the policy lets the app role read and nothing else.
OPERATIONS = """
CREATE TABLE operations (
    sha256 text NOT NULL,
    name text NOT NULL,
    document text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_operations PRIMARY KEY (sha256),
    CONSTRAINT ck_operations_sha256 CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_operations_name CHECK (length(name) BETWEEN 1 AND 200)
)
"""
# A constant default is no rewrite. NOT VALID: the table is not locked while it is checked, which 0007 does.
PLAN = [
    "ALTER TABLE organizations ADD COLUMN plan text NOT NULL DEFAULT 'STANDARD'",
    "ALTER TABLE organizations ADD CONSTRAINT ck_organizations_plan"
    " CHECK (plan IN ('FREE', 'STANDARD', 'LARGE')) NOT VALID",
    f"GRANT UPDATE (plan, version, updated_at) ON organizations TO {SYSTEM_ROLE}",
]


def upgrade() -> None:
    statements = [
        "SET LOCAL lock_timeout = '5s'",
        OPERATIONS,
        *enable("operations"),
        policy("operations", "readable", APP_ROLE, "true", "SELECT"),
        f"GRANT SELECT ON operations TO {APP_ROLE}",
        *system_access("operations", "SELECT, INSERT"),
        *PLAN,
    ]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE organizations DROP COLUMN plan")
    op.execute(f"REVOKE UPDATE (version, updated_at) ON organizations FROM {SYSTEM_ROLE}")
    op.execute("DROP TABLE operations")

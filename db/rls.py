"""Row-level security: the one helper that migrations use to make a table tenant-safe.

Policies compare with a setting that the checkout of a connection makes (see `db.session` and `db.reads`);
after a transaction a custom setting reads '' and not NULL, hence nullif. Never "allow when unset".
"""

APP_ROLE = "opsgraph_app"
SYSTEM_ROLE = "opsgraph_system"
SEARCH_ROLE = "opsgraph_search"  # nobody acts as it: it owns the functions of `db.search`
ARCHIVE_ROLE = "opsgraph_archive"  # nor as this: it owns the function that deletes archived events

CURRENT_ORG = "(select nullif(current_setting('app.org_id', true), '')::uuid)"
CURRENT_USER = "(select nullif(current_setting('app.user_id', true), '')::uuid)"


# Roles belong to the whole cluster: another database's migration may be making them at this very moment.
CREATE_ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""
GRANT_ROLE = """
DO $$
DECLARE
    login oid := (SELECT oid FROM pg_roles WHERE rolname = current_user);
BEGIN
    FOR attempt IN 1..20 LOOP
        BEGIN
            IF EXISTS (
                SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
                WHERE r.rolname = '{role}' AND m.member = login AND NOT m.admin_option
            ) THEN
                RETURN;
            END IF;
            EXECUTE format('GRANT {role} TO %I', current_user);
            RETURN;
        EXCEPTION WHEN internal_error OR unique_violation THEN
            PERFORM pg_sleep(0.05);
        END;
    END LOOP;
    RAISE EXCEPTION 'Could not grant {role}: other migrations of this cluster keep changing it.';
END $$
"""


def make_role(role: str) -> list[str]:
    """Statements that make a role of ours, if need be, and let the login that migrates act as it."""
    return [
        CREATE_ROLE.format(role=role),
        GRANT_ROLE.format(role=role),
        f"GRANT USAGE ON SCHEMA public TO {role}",
    ]


def enable(table: str) -> list[str]:
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
    ]


def policy(table: str, name: str, role: str, using: str, command: str = "ALL", check: str | None = None) -> str:
    text = f"CREATE POLICY {name} ON {table} FOR {command} TO {role}"
    if command != "INSERT":
        text += f" USING ({using})"
    if command not in ("SELECT", "DELETE"):
        text += f" WITH CHECK ({check or using})"
    return text


def protect(table: str, grants: str = "SELECT, INSERT, UPDATE, DELETE") -> list[str]:
    """Statements that make `table` (it has org_id) visible and writable to its own tenant only."""
    return [
        *enable(table),
        policy(table, "tenant", APP_ROLE, f"org_id = {CURRENT_ORG}"),
        f"GRANT {grants} ON {table} TO {APP_ROLE}",
    ]


def system_access(table: str, grants: str, using: str = "true") -> list[str]:
    """Statements that let the system role (relay, sign-in, sweeps) at `table`, with just these grants."""
    return [
        policy(table, "system", SYSTEM_ROLE, using),
        f"GRANT {grants} ON {table} TO {SYSTEM_ROLE}",
    ]

"""Row-level security: the one helper that migrations use to make a table tenant-safe.

Policies compare with a setting that the checkout of a connection makes (see `db.session` and `db.reads`);
after a transaction a custom setting reads '' and not NULL, hence nullif. Never "allow when unset".
"""

APP_ROLE = "opsgraph_app"
SYSTEM_ROLE = "opsgraph_system"

CURRENT_ORG = "(select nullif(current_setting('app.org_id', true), '')::uuid)"
CURRENT_USER = "(select nullif(current_setting('app.user_id', true), '')::uuid)"


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

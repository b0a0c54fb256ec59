"""What `logged` promises, kept by the databases of the tests: a command that changes what a logged projection shows,
and records no event in an organization that sees it, cannot commit."""

from graph.compiler.projection import Projection
from graph.schema import build_schema

# As SQL over the changed row: the organizations that see it. A tenant's row is seen by its own.
SEEN_BY = {
    "organizations": "SELECT changed.id",
    "users": "SELECT m.org_id FROM public.memberships m WHERE m.user_id = changed.id",
}
# Moved there by the relay, whose event it is.
ITSELF = {"event_log"}
# What no logged field of a table shows.
UNSEEN = {
    "notifications": ("read_at",),
    "organizations": ("plan", "version", "updated_at"),
    "users": ("is_superuser", "email_verified_at", "version", "updated_at"),
}

CHECK = """
CREATE FUNCTION check_logged_{table}() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    changed public.{table};
    watched text := coalesce(current_setting('logged.roles', true), 'opsgraph_app');
    silent uuid;
BEGIN
    IF current_setting('role') <> ALL (string_to_array(watched, ','))
        OR TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{unseen}'::text[] = to_jsonb(OLD) - '{unseen}'::text[] THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
    SELECT seen.org_id INTO silent FROM ({seen_by}) seen (org_id)
    WHERE current_setting('logged.last', true) IS DISTINCT FROM seen.org_id || '@' || pg_current_xact_id()
        AND NOT EXISTS (
            SELECT FROM public.outbox_pending p
            -- Ours, be it behind a savepoint: what another transaction has not committed is not seen here.
            WHERE p.org_id = seen.org_id AND pg_xact_status(p.xmin::text::xid8) = 'in progress'
        ) LIMIT 1;
    IF silent IS NOT NULL THEN
        RAISE EXCEPTION '% of {table} is logged, and no event of organization % was recorded', TG_OP, silent;
    END IF;
    -- Most transactions change many rows of one organization.
    PERFORM set_config('logged.last', (SELECT min(org_id::text) FROM ({seen_by}) seen (org_id))
        || '@' || pg_current_xact_id(), true);
    RETURN NULL;
END $$
"""
TRIGGER = """
CREATE CONSTRAINT TRIGGER logged AFTER INSERT OR UPDATE OR DELETE ON public.{table}
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_logged_{table}()
"""


def tables() -> set[str]:
    """The tables whose changes are logged; a view changes with its tables, which have projections of their own."""
    logged = [item for item in build_schema().registry.by_name.values() if item.logged]
    return {item.table for item in logged if not item.model.__table__.info.get("view")} - ITSELF


def also_the_system(database: str) -> str:
    """SQL that makes the promise hold for commands of the system role too. Factories go past it, so it is not kept
    everywhere."""
    return f"ALTER DATABASE \"{database}\" SET logged.roles = 'opsgraph_app,opsgraph_system'"


def statements() -> list[str]:
    """SQL for a migrated database, to be run by a superuser."""
    found: dict[str, Projection] = {item.table: item for item in build_schema().registry.by_name.values()}
    made = []
    for table in sorted(tables()):
        # A global table that nobody thought about is not seen by anyone in particular: say so in SEEN_BY.
        seen_by = "SELECT changed.org_id" if found[table].is_tenant else SEEN_BY[table]
        unseen = "{" + ",".join(UNSEEN.get(table, ())) + "}"
        made += [CHECK.format(table=table, seen_by=seen_by, unseen=unseen), TRIGGER.format(table=table)]
    return made


def removal() -> list[str]:
    """SQL that takes `statements` back."""
    return [f"DROP FUNCTION check_logged_{table} CASCADE" for table in sorted(tables())]

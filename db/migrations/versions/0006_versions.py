"""Versions: what an organization's answers depend on, readable in the snapshot that gives the answer.

Also: who follows the log hears of a renewed epoch at once, and a person's change is an event of every organization
that sees the person.
"""

from alembic import op

from db.rls import APP_ROLE, SYSTEM_ROLE

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# A transaction writes its rows and its pending events together; the relay takes those away and raises the head
# together. So two snapshots that both show no pending event and the same head show the same rows. The head's hash
# tells histories apart that a restore split; the revision is in it because a migration may change rows without an
# event, and the epoch for those who must say by hand that everything may be different.
VERSION = """
CREATE FUNCTION event_version() RETURNS text LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    org uuid := nullif(current_setting('app.org_id', true), '')::uuid;
BEGIN
    IF org IS NULL OR EXISTS (SELECT FROM public.outbox_pending p WHERE p.org_id = org) THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT concat_ws('.', e.epoch, a.version_num, left(h.hash, 32), coalesce(h.seq, 0))
        FROM public.event_epochs e
        CROSS JOIN public.alembic_version a
        LEFT JOIN public.event_heads h ON h.org_id = org
    );
END $$
"""

# The app role writes events of its own organization only. A person is seen from others too; this tells them, and
# answers which they are.
PERSON_CHANGED = """
CREATE FUNCTION identity_person_changed(type text, before json, after json, occurred_at timestamptz)
RETURNS SETOF uuid LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    INSERT INTO public.outbox_pending (id, org_id, actor_id, type, target_type, target_id, before, after, occurred_at)
    SELECT gen_random_uuid(), m.org_id, m.user_id, $1, 'usr', m.user_id, $2, $3, $4
    FROM public.memberships m
    WHERE m.user_id = nullif(current_setting('app.user_id', true), '')::uuid
        AND m.org_id <> nullif(current_setting('app.org_id', true), '')::uuid
    RETURNING org_id
$$
"""

RENEW = """
CREATE OR REPLACE FUNCTION event_epoch_renew() RETURNS void LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE public.event_epochs SET epoch = gen_random_uuid();
    SELECT pg_notify('opsgraph_commits', '')
$$
"""
RENEW_SILENTLY = """
CREATE OR REPLACE FUNCTION event_epoch_renew() RETURNS void LANGUAGE sql SET search_path = pg_catalog, public
AS 'UPDATE public.event_epochs SET epoch = gen_random_uuid()'
"""


def _owned_by_system(function: str) -> list[str]:
    return [
        f"GRANT CREATE ON SCHEMA public TO {SYSTEM_ROLE}",
        f"ALTER FUNCTION {function} OWNER TO {SYSTEM_ROLE}",
        f"REVOKE CREATE ON SCHEMA public FROM {SYSTEM_ROLE}",
        f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}",
    ]


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for statement in [
        f"GRANT SELECT ON alembic_version, event_epochs TO {SYSTEM_ROLE}",
        VERSION,
        *_owned_by_system("event_version()"),
        PERSON_CHANGED,
        *_owned_by_system("identity_person_changed(text, json, json, timestamptz)"),
        RENEW,
        "SELECT pg_notify('opsgraph_commits', '')",
    ]:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP INDEX IF EXISTS ix_outbox_pending_org_id")
    op.execute(RENEW_SILENTLY)
    op.execute("DROP FUNCTION identity_person_changed(text, json, json, timestamptz)")
    op.execute("DROP FUNCTION event_version()")
    op.execute(f"REVOKE ALL ON alembic_version, event_epochs FROM {SYSTEM_ROLE}")

"""The outbox, the append-only log, jobs and worker heartbeats.

`event_log` is partitioned by month of `recorded_at`, so PostgreSQL cannot keep (org_id, seq) unique across
partitions by an index: the relay, alone under its advisory lock, numbers from `event_heads` and writes both
in one statement. Append-only is kept twice: no role is granted UPDATE, DELETE or TRUNCATE, and triggers
refuse them to everyone, the owner included.
"""

from alembic import op

from db.rls import APP_ROLE, CURRENT_ORG, SYSTEM_ROLE, enable, policy, system_access

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OUTBOX = """
CREATE TABLE outbox_pending (
    id uuid NOT NULL CONSTRAINT pk_outbox_pending PRIMARY KEY,
    position bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT uq_outbox_pending_position UNIQUE,
    org_id uuid NOT NULL,
    actor_id uuid,
    impersonator_id uuid,
    type text NOT NULL,
    target_type text NOT NULL,
    target_id uuid NOT NULL,
    before json,
    after json,
    occurred_at timestamptz NOT NULL
)
"""

LOG = """
CREATE TABLE event_log (
    org_id uuid NOT NULL,
    seq bigint NOT NULL CONSTRAINT ck_event_log_seq CHECK (seq > 0),
    recorded_at timestamptz NOT NULL,
    id uuid NOT NULL,
    actor_id uuid,
    impersonator_id uuid,
    type text NOT NULL,
    target_type text NOT NULL,
    target_id uuid NOT NULL,
    before json,
    after json,
    occurred_at timestamptz NOT NULL,
    previous_hash text NOT NULL,
    hash text NOT NULL,
    CONSTRAINT pk_event_log PRIMARY KEY (org_id, seq, recorded_at)
) PARTITION BY RANGE (recorded_at)
"""

HEADS = """
CREATE TABLE event_heads (
    org_id uuid NOT NULL CONSTRAINT pk_event_heads PRIMARY KEY,
    seq bigint NOT NULL,
    hash text NOT NULL,
    recorded_at timestamptz NOT NULL
)
"""

REFUSE_CHANGE = """
CREATE FUNCTION event_log_refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'the event log is append-only: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$
"""

# ATTACH locks the log only against schema changes; CREATE TABLE ... PARTITION OF would stop all writers.
PARTITION = """
CREATE FUNCTION event_log_add_partition(month date) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    lower_bound timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
    upper_bound timestamptz :=
        (date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    name text := 'event_log_' || to_char(month, 'YYYY_MM');
BEGIN
    IF to_regclass('public.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.event_log INCLUDING CONSTRAINTS)', name);
    EXECUTE format('ALTER TABLE public.event_log ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
        name, lower_bound, upper_bound);
    PERFORM public.event_log_guard(name);
    RETURN true;
EXCEPTION WHEN check_violation THEN
    -- The default partition already holds events of this month: they stay there, and so do its later ones.
    RETURN false;
END
$$
"""

# Row triggers are cloned from the log; TRUNCATE triggers and row security are not.
GUARD = """
CREATE FUNCTION event_log_guard(name text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, public AS $$
BEGIN
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.%I
        FOR EACH STATEMENT EXECUTE FUNCTION public.event_log_refuse_change()', name);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER refuse_truncate', name);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER refuse_change', name);
END
$$
"""

AHEAD = """
CREATE FUNCTION event_log_ensure_partitions(months integer) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('opsgraph.event_log.partitions', 0));
    FOR ahead IN 0..months LOOP
        IF public.event_log_add_partition(
            ((now() AT TIME ZONE 'UTC')::date + make_interval(months => ahead))::date) THEN
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END
$$
"""

EPOCHS = """
CREATE TABLE event_epochs (
    only_row boolean NOT NULL DEFAULT true CONSTRAINT pk_event_epochs PRIMARY KEY
        CONSTRAINT ck_event_epochs_only_row CHECK (only_row),
    epoch uuid NOT NULL DEFAULT gen_random_uuid()
)
"""

# A dump restored elsewhere has another system identifier or database, a point-in-time recovery or a promoted
# replica another timeline; a dump restored in place needs `SELECT event_epoch_renew()`.
EPOCH = """
CREATE FUNCTION event_epoch() RETURNS text LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT substr(encode(sha256(convert_to(
        concat_ws('/', e.epoch, s.system_identifier, c.timeline_id, d.oid), 'UTF8')), 'hex'), 1, 16)
    FROM public.event_epochs e, pg_control_system() s, pg_control_checkpoint() c, pg_database d
    WHERE d.datname = current_database()
$$
"""

JOBS = """
CREATE TABLE jobs (
    id uuid NOT NULL CONSTRAINT pk_jobs PRIMARY KEY,
    org_id uuid,
    kind text NOT NULL,
    arguments json NOT NULL,
    state text NOT NULL DEFAULT 'QUEUED'
        CONSTRAINT ck_jobs_state CHECK (state IN ('QUEUED', 'RUNNING', 'DONE', 'FAILED')),
    attempts integer NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    run_after timestamptz NOT NULL DEFAULT clock_timestamp(),
    triggered_at timestamptz,
    started_at timestamptz,
    worker_id uuid,
    lease_until timestamptz,
    finished_at timestamptz,
    result json,
    error text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""

HEARTBEATS = """
CREATE TABLE worker_heartbeats (
    worker_id uuid NOT NULL CONSTRAINT pk_worker_heartbeats PRIMARY KEY,
    host text NOT NULL,
    process_id integer NOT NULL,
    started_at timestamptz NOT NULL,
    beat_at timestamptz NOT NULL
)
"""

ALL_TABLES = ("outbox_pending", "event_log", "event_heads", "jobs", "worker_heartbeats", "event_epochs")


def _log() -> list[str]:
    return [
        LOG,
        HEADS,
        "CREATE TABLE event_log_default PARTITION OF event_log DEFAULT",
        "CREATE INDEX ix_event_log_org_id_target_type_target_id_seq ON event_log (org_id, target_type, target_id, seq)",
        "CREATE INDEX ix_event_log_org_id_id ON event_log (org_id, id)",
        REFUSE_CHANGE,
        "CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON event_log"
        " FOR EACH ROW EXECUTE FUNCTION event_log_refuse_change()",
        "CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON event_log"
        " FOR EACH STATEMENT EXECUTE FUNCTION event_log_refuse_change()",
        "ALTER TABLE event_log ENABLE ALWAYS TRIGGER refuse_change",
        "ALTER TABLE event_log ENABLE ALWAYS TRIGGER refuse_truncate",
        GUARD,
        PARTITION,
        AHEAD,
        "SELECT event_log_guard('event_log_default')",
        "SELECT event_log_ensure_partitions(2)",
        "REVOKE EXECUTE ON FUNCTION event_log_guard(text), event_log_add_partition(date),"
        " event_log_ensure_partitions(integer) FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION event_log_ensure_partitions(integer) TO {SYSTEM_ROLE}",
    ]


def _epoch() -> list[str]:
    return [
        EPOCHS,
        "INSERT INTO event_epochs DEFAULT VALUES",
        EPOCH,
        "CREATE FUNCTION event_epoch_renew() RETURNS void LANGUAGE sql"
        " SET search_path = pg_catalog, public AS 'UPDATE public.event_epochs SET epoch = gen_random_uuid()'",
        "REVOKE EXECUTE ON FUNCTION event_epoch(), event_epoch_renew() FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION event_epoch() TO {APP_ROLE}, {SYSTEM_ROLE}",
    ]


def _access() -> list[str]:
    own = f"org_id = {CURRENT_ORG}"
    return [
        *enable("outbox_pending"),
        policy("outbox_pending", "tenant", APP_ROLE, own, "INSERT"),
        f"GRANT INSERT ON outbox_pending TO {APP_ROLE}",
        *system_access("outbox_pending", "SELECT, INSERT, DELETE"),
        *enable("event_log"),
        policy("event_log", "tenant", APP_ROLE, own, "SELECT"),
        f"GRANT SELECT ON event_log TO {APP_ROLE}",
        *system_access("event_log", "SELECT, INSERT"),
        *enable("event_heads"),
        policy("event_heads", "tenant", APP_ROLE, own, "SELECT"),
        f"GRANT SELECT ON event_heads TO {APP_ROLE}",
        *system_access("event_heads", "SELECT, INSERT, UPDATE"),
        *enable("jobs"),
        policy("jobs", "tenant_reads", APP_ROLE, own, "SELECT"),
        policy("jobs", "tenant_asks", APP_ROLE, own, "INSERT"),
        f"GRANT SELECT, INSERT ON jobs TO {APP_ROLE}",
        *system_access("jobs", "SELECT, INSERT, UPDATE, DELETE"),
        *enable("worker_heartbeats"),
        *system_access("worker_heartbeats", "SELECT, INSERT, UPDATE, DELETE"),
    ]


def upgrade() -> None:
    statements = [
        "SET LOCAL lock_timeout = '5s'",
        OUTBOX,
        *_log(),
        *_epoch(),
        JOBS,
        "CREATE INDEX ix_jobs_due ON jobs (run_after) WHERE state = 'QUEUED'",
        "CREATE INDEX ix_jobs_running ON jobs (lease_until) WHERE state = 'RUNNING'",
        "CREATE INDEX ix_jobs_org_id_created_at ON jobs (org_id, created_at)",
        HEARTBEATS,
        *_access(),
    ]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in ALL_TABLES:
        op.execute(f"DROP TABLE {table}")
    for function in (
        "event_epoch()",
        "event_epoch_renew()",
        "event_log_ensure_partitions(integer)",
        "event_log_add_partition(date)",
        "event_log_guard(text)",
        "event_log_refuse_change()",
    ):
        op.execute(f"DROP FUNCTION {function}")

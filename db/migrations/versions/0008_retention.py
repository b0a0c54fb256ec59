"""Retention: events that an organization keeps no longer leave the log, and a digest of them stays.

Only `event_log_archive` deletes from the log. It belongs to a role that nobody acts as; it takes nothing younger than
the organization's retention, and nothing whose digest it has not written down first. The trigger that refuses changes
lets go of just what an archive covers.

The new indexes are built while the relay waits: commands go on, their events stay in the outbox until it is done.
"""

from alembic import op

from db.rls import APP_ROLE, ARCHIVE_ROLE, SYSTEM_ROLE, make_role, policy, protect, system_access

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Adding a column without a default is no rewrite, and there are few organizations to check.
RETENTION = [
    "ALTER TABLE organizations ADD COLUMN event_retention_months integer"
    " CONSTRAINT ck_organizations_event_retention_months CHECK (event_retention_months BETWEEN 1 AND 1200)",
    f"GRANT UPDATE (event_retention_months) ON organizations TO {APP_ROLE}",
]

ARCHIVES = """
CREATE TABLE event_archives (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    from_seq bigint NOT NULL,
    to_seq bigint NOT NULL,
    previous_hash text NOT NULL,
    last_hash text NOT NULL,
    count bigint NOT NULL,
    digest text NOT NULL,
    archived_at timestamptz NOT NULL,
    hash text NOT NULL,
    CONSTRAINT pk_event_archives PRIMARY KEY (org_id, id),
    CONSTRAINT uq_event_archives_org_id_from_seq UNIQUE (org_id, from_seq),
    CONSTRAINT uq_event_archives_org_id_to_seq UNIQUE (org_id, to_seq),
    CONSTRAINT ck_event_archives_range CHECK (from_seq > 0 AND to_seq >= from_seq),
    CONSTRAINT ck_event_archives_count CHECK (count = to_seq - from_seq + 1),
    CONSTRAINT fk_event_archives_org_id FOREIGN KEY (org_id) REFERENCES organizations (id)
)
"""
REFUSE_ARCHIVE_CHANGE = """
CREATE FUNCTION event_archives_refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'archives of the event log are append-only: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$
"""

# Who may not read the archives meets a refusal of the same kind here.
LET_GO_OF_ARCHIVED = """
CREATE OR REPLACE FUNCTION event_log_refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (
            SELECT FROM public.event_archives a
            WHERE a.org_id = OLD.org_id AND a.to_seq >= OLD.seq AND a.from_seq <= OLD.seq
        ) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the event log is append-only: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$
"""
REFUSE_ALL = """
CREATE OR REPLACE FUNCTION event_log_refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'the event log is append-only: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$
"""

# Months end in UTC, as partitions do.
EXPIRED = """
CREATE FUNCTION event_log_kept_since(org uuid) RETURNS timestamptz LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => o.event_retention_months))
        AT TIME ZONE 'UTC'
    FROM public.organizations o WHERE o.id = org
$$
"""
ARCHIVE = """
CREATE FUNCTION event_log_archive(
    archive_id uuid, org uuid, first_seq bigint, last_seq bigint, archived_at timestamptz, digest text, hash text
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    kept_since timestamptz := public.event_log_kept_since(org);
    genesis text := repeat('0', 64);
    latest public.event_archives;
    taken record;
    gone bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('opsgraph.event_log.archive/' || org, 0));
    SELECT a.* INTO latest FROM public.event_archives a WHERE a.org_id = org ORDER BY a.to_seq DESC LIMIT 1;
    SELECT count(*) AS count, min(e.seq) AS lowest, max(e.seq) AS highest, max(e.recorded_at) AS youngest,
        (array_agg(e.previous_hash ORDER BY e.seq))[1] AS previous_hash,
        (array_agg(e.hash ORDER BY e.seq DESC))[1] AS last_hash,
        encode(sha256(convert_to(string_agg(e.hash, '' ORDER BY e.seq), 'UTF8')), 'hex') AS digest
    INTO taken
    FROM public.event_log e WHERE e.org_id = org AND e.seq BETWEEN first_seq AND last_seq;
    IF kept_since IS NULL OR taken.youngest >= kept_since THEN
        RAISE EXCEPTION 'the organization % keeps events % to %', org, first_seq, last_seq
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF first_seq IS DISTINCT FROM coalesce(latest.to_seq, 0) + 1
        OR taken.lowest IS DISTINCT FROM first_seq OR taken.highest IS DISTINCT FROM last_seq
        OR taken.count IS DISTINCT FROM last_seq - first_seq + 1 OR taken.digest IS DISTINCT FROM digest
        OR taken.previous_hash IS DISTINCT FROM coalesce(latest.last_hash, genesis) THEN
        RAISE EXCEPTION 'events % to % of the organization % are not what was to be archived', first_seq, last_seq, org
            USING ERRCODE = 'data_exception';
    END IF;
    INSERT INTO public.event_archives (
        org_id, id, from_seq, to_seq, previous_hash, last_hash, count, digest, archived_at, hash
    ) VALUES (
        org, archive_id, first_seq, last_seq, taken.previous_hash, taken.last_hash, taken.count, digest,
        archived_at, hash
    );
    DELETE FROM public.event_log e
    WHERE e.org_id = org AND e.seq BETWEEN first_seq AND last_seq AND e.recorded_at < kept_since;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$
"""
ARCHIVE_SIGNATURE = "event_log_archive(uuid, uuid, bigint, bigint, timestamptz, text, text)"

# The owner is bound by row-level security as well and would take every partition for empty, so it is lifted before
# looking. Who waits for this lock keeps all readers of the log waiting: better tomorrow than long.
DROP_EMPTY = """
CREATE FUNCTION event_log_drop_partition(month date) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public SET lock_timeout = '200ms' AS $$
DECLARE
    name text := 'event_log_' || to_char(month, 'YYYY_MM');
    filled boolean;
BEGIN
    IF to_regclass('public.' || name) IS NULL OR month >= date_trunc('month', now() AT TIME ZONE 'UTC')::date THEN
        RETURN false;
    END IF;
    LOCK TABLE public.event_log IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('ALTER TABLE public.%I NO FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', name) INTO filled;
    IF filled THEN
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', name);
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE public.%I', name);
    RETURN true;
END
$$
"""

# Lists of the log by what their filters name, newest first; and by time.
INDEXES = ("type, seq", "actor_id, seq", "recorded_at, id", "occurred_at, id")
# A partitioned table cannot be indexed concurrently.
CREATE_INDEX = """-- squawk-ignore require-concurrent-index-creation
CREATE INDEX {name} ON event_log (org_id, {columns})"""


def _index(columns: str) -> str:
    return "ix_event_log_org_id_" + columns.replace(", ", "_")


def _archives() -> list[str]:
    return [
        ARCHIVES,
        "CREATE INDEX ix_event_archives_org_id_archived_at_id ON event_archives (org_id, archived_at, id)",
        REFUSE_ARCHIVE_CHANGE,
        "CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON event_archives"
        " FOR EACH ROW EXECUTE FUNCTION event_archives_refuse_change()",
        "CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON event_archives"
        " FOR EACH STATEMENT EXECUTE FUNCTION event_archives_refuse_change()",
        "ALTER TABLE event_archives ENABLE ALWAYS TRIGGER refuse_change",
        "ALTER TABLE event_archives ENABLE ALWAYS TRIGGER refuse_truncate",
        *protect("event_archives", grants="SELECT"),
        *system_access("event_archives", "SELECT"),
        policy("event_archives", "archive", ARCHIVE_ROLE, "true"),
        f"GRANT SELECT, INSERT ON event_archives TO {ARCHIVE_ROLE}",
        policy("event_log", "archive", ARCHIVE_ROLE, "true"),
        f"GRANT SELECT, DELETE ON event_log TO {ARCHIVE_ROLE}",
        policy("organizations", "archive", ARCHIVE_ROLE, "true", "SELECT"),
        f"GRANT SELECT (id, event_retention_months) ON organizations TO {ARCHIVE_ROLE}",
    ]


def _functions() -> list[str]:
    owned = [EXPIRED, ARCHIVE]
    names = ["event_log_kept_since(uuid)", ARCHIVE_SIGNATURE]
    return [
        LET_GO_OF_ARCHIVED,
        *owned,
        f"GRANT CREATE ON SCHEMA public TO {ARCHIVE_ROLE}",
        *(f"ALTER FUNCTION {name} OWNER TO {ARCHIVE_ROLE}" for name in names),
        f"REVOKE CREATE ON SCHEMA public FROM {ARCHIVE_ROLE}",
        DROP_EMPTY,
        *(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC" for name in (*names, "event_log_drop_partition(date)")),
        *(f"GRANT EXECUTE ON FUNCTION {name} TO {SYSTEM_ROLE}" for name in (*names, "event_log_drop_partition(date)")),
    ]


def upgrade() -> None:
    statements = [
        "SET LOCAL lock_timeout = '5s'",
        *make_role(ARCHIVE_ROLE),
        *RETENTION,
        *_archives(),
        *_functions(),
        *(CREATE_INDEX.format(name=_index(columns), columns=columns) for columns in INDEXES),
    ]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for columns in INDEXES:
        op.execute(f"DROP INDEX {_index(columns)}")
    op.execute(REFUSE_ALL)
    op.execute("DROP FUNCTION event_log_drop_partition(date)")
    op.execute(f"DROP FUNCTION {ARCHIVE_SIGNATURE}")
    op.execute("DROP FUNCTION event_log_kept_since(uuid)")
    op.execute("DROP TABLE event_archives")
    op.execute("DROP FUNCTION event_archives_refuse_change()")
    op.execute("DROP POLICY archive ON event_log")
    op.execute("DROP POLICY archive ON organizations")
    op.execute("ALTER TABLE organizations DROP COLUMN event_retention_months")
    op.execute(f"REVOKE ALL ON event_log, organizations FROM {ARCHIVE_ROLE}")
    op.execute(f"REVOKE USAGE ON SCHEMA public FROM {ARCHIVE_ROLE}")

"""Certificates of release: number series, releases, revocations and signing keys.

A release is frozen twice: the app role may update nothing but its status and its document, and a trigger refuses every
change but those that go forward, to everyone. A revocation is a record of its own, only ever added.
"""

from alembic import op

from db.rls import SYSTEM_ROLE, policy, protect

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

FORMS = "'CRS', 'EASA_FORM_1', 'FAA_8130_3'"

SERIES = f"""
CREATE TABLE number_series (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    form text NOT NULL,
    prefix text NOT NULL,
    digits integer NOT NULL DEFAULT 6,
    last_number integer NOT NULL DEFAULT 0,
    organization_name text NOT NULL,
    address text NOT NULL,
    authority text NOT NULL,
    approval_reference text NOT NULL,
    logo_id uuid,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_number_series PRIMARY KEY (org_id, id),
    CONSTRAINT fk_number_series_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_number_series_org_id_logo_id FOREIGN KEY (org_id, logo_id) REFERENCES documents (org_id, id),
    CONSTRAINT uq_number_series_org_id_form UNIQUE (org_id, form),
    CONSTRAINT uq_number_series_org_id_prefix UNIQUE (org_id, prefix),
    CONSTRAINT ck_number_series_form CHECK (form IN ({FORMS})),
    CONSTRAINT ck_number_series_prefix CHECK (
        prefix ~ '^([A-Z]|[A-Z0-9][A-Z0-9-]*[A-Z-])$' AND length(prefix) <= 20),
    CONSTRAINT ck_number_series_digits CHECK (digits BETWEEN 1 AND 9),
    CONSTRAINT ck_number_series_last_number CHECK (last_number >= 0),
    CONSTRAINT ck_number_series_organization_name CHECK (length(organization_name) BETWEEN 1 AND 200),
    CONSTRAINT ck_number_series_address CHECK (length(address) BETWEEN 1 AND 500),
    CONSTRAINT ck_number_series_authority CHECK (length(authority) BETWEEN 1 AND 200),
    CONSTRAINT ck_number_series_approval_reference CHECK (length(approval_reference) BETWEEN 1 AND 50)
)
"""

RELEASES = f"""
CREATE TABLE releases (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    number text NOT NULL,
    form text NOT NULL,
    status text NOT NULL DEFAULT 'ISSUED',
    aircraft_id uuid,
    component_id uuid,
    work_order_id uuid,
    work text,
    signatory_id uuid NOT NULL,
    authorisation_id uuid NOT NULL,
    released_on date NOT NULL,
    total_minutes integer NOT NULL,
    total_cycles integer NOT NULL,
    limitations text,
    incomplete_work text,
    remarks text,
    content json NOT NULL,
    token text NOT NULL,
    token_digest bytea NOT NULL,
    supersedes_id uuid,
    document_id uuid,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_releases PRIMARY KEY (org_id, id),
    CONSTRAINT fk_releases_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_releases_org_id_aircraft_id FOREIGN KEY (org_id, aircraft_id) REFERENCES aircraft (org_id, id),
    CONSTRAINT fk_releases_org_id_component_id FOREIGN KEY (org_id, component_id)
        REFERENCES components (org_id, id),
    CONSTRAINT fk_releases_org_id_work_order_id FOREIGN KEY (org_id, work_order_id)
        REFERENCES work_orders (org_id, id),
    CONSTRAINT fk_releases_org_id_signatory_id FOREIGN KEY (org_id, signatory_id)
        REFERENCES memberships (org_id, user_id),
    CONSTRAINT fk_releases_org_id_authorisation_id FOREIGN KEY (org_id, authorisation_id)
        REFERENCES authorisations (org_id, id),
    CONSTRAINT fk_releases_org_id_document_id FOREIGN KEY (org_id, document_id) REFERENCES documents (org_id, id),
    CONSTRAINT fk_releases_org_id_supersedes_id FOREIGN KEY (org_id, supersedes_id)
        REFERENCES releases (org_id, id),
    CONSTRAINT uq_releases_org_id_number UNIQUE (org_id, number),
    CONSTRAINT uq_releases_org_id_supersedes_id UNIQUE (org_id, supersedes_id),
    CONSTRAINT uq_releases_token_digest UNIQUE (token_digest),
    CONSTRAINT ck_releases_form CHECK (form IN ({FORMS})),
    CONSTRAINT ck_releases_status CHECK (status IN ('ISSUED', 'REVOKED', 'SUPERSEDED')),
    CONSTRAINT ck_releases_work CHECK (work IN ('OVERHAULED', 'REPAIRED', 'INSPECTED_TESTED', 'MODIFIED')),
    CONSTRAINT ck_releases_subject CHECK (
        (form = 'CRS' AND aircraft_id IS NOT NULL AND work_order_id IS NOT NULL AND component_id IS NULL
            AND work IS NULL)
        OR (form <> 'CRS' AND component_id IS NOT NULL AND work IS NOT NULL)),
    CONSTRAINT ck_releases_totals CHECK (total_minutes >= 0 AND total_cycles >= 0),
    CONSTRAINT ck_releases_number CHECK (length(number) BETWEEN 2 AND 30),
    CONSTRAINT ck_releases_token CHECK (length(token) >= 22 AND length(token_digest) = 32),
    CONSTRAINT ck_releases_limitations CHECK (length(limitations) BETWEEN 1 AND 4000),
    CONSTRAINT ck_releases_incomplete_work CHECK (length(incomplete_work) BETWEEN 1 AND 4000),
    CONSTRAINT ck_releases_remarks CHECK (length(remarks) BETWEEN 1 AND 4000)
)
"""

REVOCATIONS = """
CREATE TABLE release_revocations (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    release_id uuid NOT NULL,
    revoked_by_id uuid NOT NULL,
    reason text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_release_revocations PRIMARY KEY (org_id, id),
    CONSTRAINT fk_release_revocations_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_release_revocations_org_id_release_id FOREIGN KEY (org_id, release_id)
        REFERENCES releases (org_id, id),
    CONSTRAINT fk_release_revocations_revoked_by_id FOREIGN KEY (revoked_by_id) REFERENCES users (id),
    CONSTRAINT uq_release_revocations_org_id_release_id UNIQUE (org_id, release_id),
    CONSTRAINT ck_release_revocations_reason CHECK (length(reason) BETWEEN 1 AND 1000)
)
"""

KEYS = """
CREATE TABLE signing_keys (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    origin text NOT NULL,
    subject text NOT NULL,
    fingerprint text NOT NULL,
    certificate text NOT NULL,
    chain text NOT NULL,
    sealed bytea NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    retired_at timestamptz,
    CONSTRAINT pk_signing_keys PRIMARY KEY (org_id, id),
    CONSTRAINT fk_signing_keys_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT ck_signing_keys_origin CHECK (origin IN ('OWN_CA', 'IMPORTED'))
)
"""

# The comparison as json text: what was written is what is read, to the byte.
REFUSE_CHANGE = """
CREATE FUNCTION releases_refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'releases' THEN
        IF (to_jsonb(NEW) - 'status' - 'document_id' - 'content')
                = (to_jsonb(OLD) - 'status' - 'document_id' - 'content')
            AND NEW.content::text = OLD.content::text
            AND (NEW.status = OLD.status OR OLD.status = 'ISSUED')
            AND (NEW.document_id IS NOT DISTINCT FROM OLD.document_id OR OLD.document_id IS NULL)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a certificate and its revocation stay as they were issued: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'Revoke it, or issue one that supersedes it.';
END
$$
"""

INDEXES = {
    "releases": (
        "number",
        "form",
        "status",
        "aircraft_id",
        "component_id",
        "work_order_id",
        "work",
        "signatory_id",
        "authorisation_id",
        "document_id",
        "released_on",
        "created_at",
    ),
    "release_revocations": ("release_id", "revoked_by_id", "created_at"),
    "signing_keys": ("valid_until", "created_at"),
}


def _frozen(table: str) -> list[str]:
    return [
        f"CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION releases_refuse_change()",
        f"CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION releases_refuse_change()",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER refuse_change",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER refuse_truncate",
    ]


def upgrade() -> None:
    statements = [
        "SET LOCAL lock_timeout = '5s'",
        SERIES,
        RELEASES,
        REVOCATIONS,
        KEYS,
        *(
            f"CREATE INDEX ix_{table}_org_id_{column}_id ON {table} (org_id, {column}, id)"
            for table, columns in INDEXES.items()
            for column in columns
        ),
        "CREATE UNIQUE INDEX uq_releases_work_order ON releases (org_id, work_order_id)"
        " WHERE form = 'CRS' AND status = 'ISSUED'",
        "CREATE UNIQUE INDEX uq_signing_keys_current ON signing_keys (org_id) WHERE retired_at IS NULL",
        REFUSE_CHANGE,
        *_frozen("releases"),
        *_frozen("release_revocations"),
        *protect("number_series", "SELECT, INSERT, UPDATE"),
        *protect("releases", "SELECT, INSERT, UPDATE (status, document_id)"),
        *protect("release_revocations", "SELECT, INSERT"),
        *protect("signing_keys", "SELECT, INSERT, UPDATE (retired_at)"),
        "CREATE INDEX ix_releases_without_document ON releases (created_at) WHERE document_id IS NULL",
        # The public page knows no organization: it reads these columns, and only by the token's digest.
        # The daily sweep reads which certificates have no PDF yet.
        policy("releases", "verify", SYSTEM_ROLE, "true", "SELECT"),
        "GRANT SELECT (token_digest, number, status, org_id, id, document_id, created_at)"
        f" ON releases TO {SYSTEM_ROLE}",
    ]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in ("release_revocations", "releases", "number_series", "signing_keys"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION releases_refuse_change()")

"""Files and workforce: documents and uploads; courses, training, licences, authorisations and recent experience.

`authorisation_reasons` says why an authorisation is not effective on a day, under the policies of who asks; the same
rule in Python is `domain/workforce/rules/standing.py`, and a test compares them.
"""

from alembic import op

from db.rls import APP_ROLE, SYSTEM_ROLE, policy, protect, system_access
from db.search import searchable, unsearchable
from db.workforce.standing import COURSE_HELD, LOCAL_TODAY, REASONS

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# A constant default is no rewrite, and there are few organizations to check.
SETTINGS = [
    "ALTER TABLE organizations ADD COLUMN experience_months integer NOT NULL DEFAULT 6",
    "ALTER TABLE organizations ADD COLUMN experience_window_months integer NOT NULL DEFAULT 24"
    " CONSTRAINT ck_organizations_experience_window_months CHECK (experience_window_months BETWEEN 1 AND 120)",
    "-- squawk-ignore constraint-missing-not-valid\n"
    "ALTER TABLE organizations ADD CONSTRAINT ck_organizations_experience_months"
    " CHECK (experience_months BETWEEN 1 AND experience_window_months)",
    f"GRANT UPDATE (experience_months, experience_window_months) ON organizations TO {APP_ROLE}",
]

STAMPS = """
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()"""


def _tenant(table: str, *members: str) -> str:
    """The constraints that every table here has, and those of its columns that name a member."""
    lines = [
        f"CONSTRAINT pk_{table} PRIMARY KEY (org_id, id)",
        f"CONSTRAINT fk_{table}_org_id FOREIGN KEY (org_id) REFERENCES organizations (id)",
    ]
    lines += [
        f"CONSTRAINT fk_{table}_org_id_{column} FOREIGN KEY (org_id, {column}) REFERENCES memberships (org_id, user_id)"
        for column in members
    ]
    return ",\n    ".join(lines)


PURPOSES = "purpose IN ('EVIDENCE', 'ASSET', 'TEMPLATE', 'CERTIFICATE')"
POLICIES = "renewal_policy IN ('FROM_COMPLETION', 'KEEP_ANNIVERSARY')"

DOCUMENTS = f"""
CREATE TABLE documents (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    content_type text NOT NULL,
    size integer NOT NULL,
    sha256 text NOT NULL,
    purpose text NOT NULL,
    key text NOT NULL,
    uploader_id uuid,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    {_tenant("documents")},
    CONSTRAINT uq_documents_key UNIQUE (key),
    CONSTRAINT fk_documents_uploader_id FOREIGN KEY (uploader_id) REFERENCES users (id),
    CONSTRAINT ck_documents_purpose CHECK ({PURPOSES}),
    CONSTRAINT ck_documents_name CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT ck_documents_content_type CHECK (length(content_type) BETWEEN 3 AND 100),
    CONSTRAINT ck_documents_size CHECK (size > 0),
    CONSTRAINT ck_documents_sha256 CHECK (sha256 ~ '^[0-9a-f]{{64}}$')
)
"""

UPLOADS = f"""
CREATE TABLE uploads (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    content_type text NOT NULL,
    size integer NOT NULL,
    purpose text NOT NULL,
    key text NOT NULL,
    uploader_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    {_tenant("uploads")},
    CONSTRAINT uq_uploads_key UNIQUE (key),
    CONSTRAINT fk_uploads_uploader_id FOREIGN KEY (uploader_id) REFERENCES users (id),
    CONSTRAINT ck_uploads_purpose CHECK ({PURPOSES}),
    CONSTRAINT ck_uploads_name CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT ck_uploads_content_type CHECK (length(content_type) BETWEEN 3 AND 100),
    CONSTRAINT ck_uploads_size CHECK (size > 0)
)
"""

COURSES = f"""
CREATE TABLE courses (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    reference text,
    validity_months integer,
    renewal_policy text NOT NULL DEFAULT 'FROM_COMPLETION',
    renewal_window_months integer NOT NULL DEFAULT 3,
    grace_days integer NOT NULL DEFAULT 0,
    warning_days integer NOT NULL DEFAULT 60,
    is_active boolean NOT NULL DEFAULT true,{STAMPS},
    {_tenant("courses")},
    CONSTRAINT uq_courses_org_id_code UNIQUE (org_id, code),
    CONSTRAINT ck_courses_renewal_policy CHECK ({POLICIES}),
    CONSTRAINT ck_courses_code CHECK (length(code) BETWEEN 1 AND 30 AND code = upper(code)),
    CONSTRAINT ck_courses_name CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT ck_courses_reference CHECK (length(reference) BETWEEN 1 AND 200),
    CONSTRAINT ck_courses_validity_months CHECK (validity_months BETWEEN 1 AND 120),
    CONSTRAINT ck_courses_renewal_window_months CHECK (renewal_window_months BETWEEN 1 AND 12),
    CONSTRAINT ck_courses_grace_days CHECK (grace_days BETWEEN 0 AND 365),
    CONSTRAINT ck_courses_warning_days CHECK (warning_days BETWEEN 1 AND 365)
)
"""

RECORDS = f"""
CREATE TABLE training_records (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    course_id uuid NOT NULL,
    completed_on date NOT NULL,
    expires_on date,
    validity_months integer,
    renewal_policy text NOT NULL,
    renewal_window_months integer NOT NULL,
    evidence_id uuid NOT NULL,
    note text,
    is_current boolean NOT NULL DEFAULT false,
    recorder_id uuid,
    voided_at timestamptz,
    void_reason text,{STAMPS},
    {_tenant("training_records", "user_id")},
    CONSTRAINT fk_training_records_org_id_course_id FOREIGN KEY (org_id, course_id) REFERENCES courses (org_id, id),
    CONSTRAINT fk_training_records_org_id_evidence_id FOREIGN KEY (org_id, evidence_id)
        REFERENCES documents (org_id, id),
    CONSTRAINT fk_training_records_recorder_id FOREIGN KEY (recorder_id) REFERENCES users (id),
    CONSTRAINT ck_training_records_renewal_policy CHECK ({POLICIES}),
    CONSTRAINT ck_training_records_expires_on CHECK (expires_on > completed_on),
    CONSTRAINT ck_training_records_validity CHECK ((validity_months IS NULL) = (expires_on IS NULL)),
    CONSTRAINT ck_training_records_note CHECK (length(note) BETWEEN 1 AND 1000),
    CONSTRAINT ck_training_records_void_reason CHECK (length(void_reason) BETWEEN 1 AND 1000),
    CONSTRAINT ck_training_records_voided CHECK ((voided_at IS NULL) = (void_reason IS NULL)),
    CONSTRAINT ck_training_records_current CHECK (NOT (is_current AND voided_at IS NOT NULL))
)
"""

ENROLMENTS = f"""
CREATE TABLE enrolments (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    course_id uuid NOT NULL,
    supervisor_id uuid NOT NULL,
    duties_from date NOT NULL,
    grace_until date,
    withdrawn_on date,{STAMPS},
    {_tenant("enrolments", "user_id", "supervisor_id")},
    CONSTRAINT uq_enrolments_org_id_user_id_course_id UNIQUE (org_id, user_id, course_id),
    CONSTRAINT fk_enrolments_org_id_course_id FOREIGN KEY (org_id, course_id) REFERENCES courses (org_id, id),
    CONSTRAINT ck_enrolments_supervisor CHECK (supervisor_id <> user_id),
    CONSTRAINT ck_enrolments_grace_until CHECK (grace_until >= duties_from),
    CONSTRAINT ck_enrolments_withdrawn_on CHECK (withdrawn_on >= duties_from)
)
"""

LICENCES = f"""
CREATE TABLE licences (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    authority text NOT NULL,
    number text NOT NULL,
    categories text,
    issued_on date,
    expires_on date,
    evidence_id uuid,{STAMPS},
    {_tenant("licences", "user_id")},
    CONSTRAINT uq_licences_org_id_authority_number UNIQUE (org_id, authority, number),
    CONSTRAINT uq_licences_org_id_user_id_id UNIQUE (org_id, user_id, id),
    CONSTRAINT fk_licences_org_id_evidence_id FOREIGN KEY (org_id, evidence_id) REFERENCES documents (org_id, id),
    CONSTRAINT ck_licences_authority CHECK (length(authority) BETWEEN 1 AND 50 AND authority = upper(authority)),
    CONSTRAINT ck_licences_number CHECK (length(number) BETWEEN 1 AND 50 AND number = upper(number)),
    CONSTRAINT ck_licences_categories CHECK (length(categories) BETWEEN 1 AND 200),
    CONSTRAINT ck_licences_expires_on CHECK (expires_on > issued_on)
)
"""

AUTHORISATIONS = f"""
CREATE TABLE authorisations (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    number text NOT NULL,
    privilege text NOT NULL,
    tasks text,
    licence_id uuid,
    valid_from date NOT NULL,
    expires_on date,
    state text NOT NULL DEFAULT 'ACTIVE',
    state_reason text,
    issuer_id uuid,{STAMPS},
    {_tenant("authorisations", "user_id")},
    CONSTRAINT uq_authorisations_org_id_number UNIQUE (org_id, number),
    CONSTRAINT fk_authorisations_org_id_user_id_licence_id FOREIGN KEY (org_id, user_id, licence_id)
        REFERENCES licences (org_id, user_id, id),
    CONSTRAINT fk_authorisations_issuer_id FOREIGN KEY (issuer_id) REFERENCES users (id),
    CONSTRAINT ck_authorisations_privilege CHECK (privilege IN (
        'CERTIFYING_STAFF', 'INSPECTOR', 'MECHANIC', 'COMPONENT_CERTIFYING', 'FUELER')),
    CONSTRAINT ck_authorisations_state CHECK (state IN ('ACTIVE', 'SUSPENDED', 'REVOKED')),
    CONSTRAINT ck_authorisations_number CHECK (length(number) BETWEEN 1 AND 30 AND number = upper(number)),
    CONSTRAINT ck_authorisations_tasks CHECK (length(tasks) BETWEEN 1 AND 1000),
    CONSTRAINT ck_authorisations_state_reason CHECK (length(state_reason) BETWEEN 1 AND 1000),
    CONSTRAINT ck_authorisations_state_has_reason CHECK ((state = 'ACTIVE') = (state_reason IS NULL)),
    CONSTRAINT ck_authorisations_expires_on CHECK (expires_on > valid_from),
    CONSTRAINT ck_authorisations_licence CHECK (privilege <> 'CERTIFYING_STAFF' OR licence_id IS NOT NULL)
)
"""

SCOPES = [
    f"""
CREATE TABLE {table} (
    org_id uuid NOT NULL,
    authorisation_id uuid NOT NULL,
    {column} uuid NOT NULL,
    CONSTRAINT pk_{table} PRIMARY KEY (org_id, authorisation_id, {column}),
    CONSTRAINT fk_{table}_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_{table}_org_id_authorisation_id FOREIGN KEY (org_id, authorisation_id)
        REFERENCES authorisations (org_id, id),
    CONSTRAINT fk_{table}_org_id_{column} FOREIGN KEY (org_id, {column}) REFERENCES {target} (org_id, id)
)
"""
    for table, column, target in (
        ("authorisation_types", "aircraft_type_id", "aircraft_types"),
        ("authorisation_courses", "course_id", "courses"),
    )
]

EXPERIENCE = f"""
CREATE TABLE experience_entries (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    worked_on date NOT NULL,
    aircraft_type_id uuid,
    source text NOT NULL,
    recorder_id uuid,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    {_tenant("experience_entries", "user_id")},
    CONSTRAINT uq_experience_entries_day
        UNIQUE NULLS NOT DISTINCT (org_id, user_id, worked_on, aircraft_type_id),
    CONSTRAINT fk_experience_entries_org_id_aircraft_type_id FOREIGN KEY (org_id, aircraft_type_id)
        REFERENCES aircraft_types (org_id, id),
    CONSTRAINT fk_experience_entries_recorder_id FOREIGN KEY (recorder_id) REFERENCES users (id),
    CONSTRAINT ck_experience_entries_source CHECK (length(source) BETWEEN 1 AND 200)
)
"""

REFUSE_CHANGE = """
CREATE FUNCTION experience_entries_refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'the experience log is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$
"""

INDEXES = {
    "documents": ("name", "content_type", "size", "sha256", "purpose", "uploader_id", "created_at"),
    "uploads": ("uploader_id",),
    "courses": ("name", "validity_months", "is_active", "created_at"),
    "training_records": (
        "user_id",
        "course_id",
        "evidence_id",
        "completed_on",
        "expires_on",
        "is_current",
        "created_at",
    ),
    "enrolments": ("user_id", "course_id", "supervisor_id", "duties_from", "grace_until", "withdrawn_on"),
    "licences": ("number", "authority", "expires_on", "evidence_id", "created_at"),
    "authorisations": ("privilege", "state", "licence_id", "valid_from", "expires_on", "created_at"),
    "experience_entries": ("aircraft_type_id", "worked_on", "created_at"),
}
SEARCHED = {
    "documents": ("name",),
    "courses": ("code", "name"),
    "licences": ("authority", "number", "categories"),
    "authorisations": ("number", "tasks"),
}


def _indexes() -> list[str]:
    return [
        *(
            f"CREATE INDEX ix_{table}_org_id_{column}_id ON {table} (org_id, {column}, id)"
            for table, columns in INDEXES.items()
            for column in columns
        ),
        "CREATE INDEX ix_uploads_expires_at ON uploads (expires_at)",
        "CREATE UNIQUE INDEX uq_training_records_day ON training_records (org_id, user_id, course_id, completed_on)"
        " WHERE voided_at IS NULL",
        "CREATE UNIQUE INDEX uq_training_records_current ON training_records (org_id, user_id, course_id)"
        " WHERE is_current",
        "CREATE INDEX ix_authorisations_org_id_user_id_privilege_id ON authorisations (org_id, user_id, privilege, id)",
        "CREATE INDEX ix_authorisation_types_org_id_aircraft_type_id"
        " ON authorisation_types (org_id, aircraft_type_id, authorisation_id)",
        "CREATE INDEX ix_authorisation_courses_org_id_course_id"
        " ON authorisation_courses (org_id, course_id, authorisation_id)",
    ]


def _search() -> list[str]:
    return [
        *(statement for table, columns in SEARCHED.items() for statement in searchable(table, *columns)),
        *(
            f"CREATE INDEX ix_{table}_search ON {table} USING gin (org_id, search_text gin_trgm_ops)"
            for table in SEARCHED
        ),
    ]


def upgrade() -> None:
    statements = [
        "SET LOCAL lock_timeout = '5s'",
        *SETTINGS,
        DOCUMENTS,
        UPLOADS,
        COURSES,
        RECORDS,
        ENROLMENTS,
        LICENCES,
        AUTHORISATIONS,
        *SCOPES,
        EXPERIENCE,
        *_indexes(),
        REFUSE_CHANGE,
        "CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON experience_entries"
        " FOR EACH ROW EXECUTE FUNCTION experience_entries_refuse_change()",
        "CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON experience_entries"
        " FOR EACH STATEMENT EXECUTE FUNCTION experience_entries_refuse_change()",
        "ALTER TABLE experience_entries ENABLE ALWAYS TRIGGER refuse_change",
        "ALTER TABLE experience_entries ENABLE ALWAYS TRIGGER refuse_truncate",
        *protect("documents", grants="SELECT, INSERT, DELETE"),
        policy("documents", "sweep", SYSTEM_ROLE, "true", "SELECT"),
        f"GRANT SELECT (org_id, id) ON documents TO {SYSTEM_ROLE}",
        *protect("uploads"),
        *system_access("uploads", "SELECT, DELETE"),
        *protect("courses"),
        *protect("training_records", grants="SELECT, INSERT, UPDATE"),
        *protect("enrolments", grants="SELECT, INSERT, UPDATE"),
        *protect("licences"),
        *protect("authorisations", grants="SELECT, INSERT, UPDATE"),
        *protect("authorisation_types", grants="SELECT, INSERT, DELETE"),
        *protect("authorisation_courses", grants="SELECT, INSERT, DELETE"),
        *protect("experience_entries", grants="SELECT, INSERT"),
        *_search(),
        LOCAL_TODAY,
        COURSE_HELD,
        REASONS,
    ]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for function in (
        "authorisation_reasons(uuid, uuid, date)",
        "course_held(uuid, uuid, uuid, date)",
        "local_today(uuid)",
    ):
        op.execute(f"DROP FUNCTION {function}")
    for table in SEARCHED:
        for statement in unsearchable(table):
            op.execute(statement)
    for table in (
        "experience_entries",
        "authorisation_courses",
        "authorisation_types",
        "authorisations",
        "licences",
        "enrolments",
        "training_records",
        "courses",
        "uploads",
        "documents",
    ):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION experience_entries_refuse_change()")
    op.execute("ALTER TABLE organizations DROP COLUMN experience_months, DROP COLUMN experience_window_months")

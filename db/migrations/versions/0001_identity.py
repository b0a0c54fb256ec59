"""Identity: the two database roles, organizations, people, memberships, roles and sessions."""

from alembic import op

from db.rls import APP_ROLE, CURRENT_ORG, CURRENT_USER, SYSTEM_ROLE, enable, make_role, policy, protect, system_access

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STAMPS = """
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()"""

TABLES = f"""
CREATE TABLE organizations (
    id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    modules text[] NOT NULL DEFAULT '{{}}',
    time_zone text NOT NULL DEFAULT 'UTC',
    working_day_start time NOT NULL DEFAULT '09:00',
    working_day_end time NOT NULL DEFAULT '18:00',
    max_sessions integer NOT NULL DEFAULT 3,
    is_platform boolean NOT NULL DEFAULT false,{STAMPS},
    CONSTRAINT pk_organizations PRIMARY KEY (id),
    CONSTRAINT ck_organizations_kind CHECK (kind IN ('AMO', 'FBO', 'OPERATIONS', 'CLOUD', 'SOFTWARE')),
    CONSTRAINT ck_organizations_modules CHECK (modules <@ ARRAY[
        'FLEET', 'MAINTENANCE', 'QUALITY', 'WORKFORCE', 'GROUND', 'SYSTEMS', 'CLOUD', 'TASKS']),
    CONSTRAINT ck_organizations_slug CHECK (
        slug ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$' AND length(slug) BETWEEN 3 AND 50),
    CONSTRAINT ck_organizations_name CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT ck_organizations_max_sessions CHECK (max_sessions BETWEEN 1 AND 20),
    CONSTRAINT ck_organizations_working_day CHECK (working_day_start < working_day_end)
);
CREATE UNIQUE INDEX uq_organizations_slug ON organizations (slug);

CREATE TABLE users (
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    time_zone text NOT NULL DEFAULT 'UTC',
    state text NOT NULL DEFAULT 'ACTIVE',
    is_superuser boolean NOT NULL DEFAULT false,
    email_verified_at timestamptz,{STAMPS},
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT ck_users_state CHECK (state IN ('ACTIVE', 'DISABLED')),
    CONSTRAINT ck_users_name CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT ck_users_email CHECK (length(email) BETWEEN 3 AND 254)
);
CREATE UNIQUE INDEX uq_users_email ON users (lower(email));

CREATE TABLE user_credentials (
    user_id uuid NOT NULL,
    password_hash text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_user_credentials PRIMARY KEY (user_id),
    CONSTRAINT fk_user_credentials_user_id FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE TABLE one_time_tokens (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    purpose text NOT NULL,
    token_hash bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_one_time_tokens PRIMARY KEY (id),
    CONSTRAINT ck_one_time_tokens_purpose CHECK (purpose IN ('VERIFY_EMAIL', 'RESET_PASSWORD')),
    CONSTRAINT uq_one_time_tokens_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_one_time_tokens_user_id FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX ix_one_time_tokens_user_id ON one_time_tokens (user_id);

CREATE TABLE memberships (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    roles text[] NOT NULL DEFAULT '{{}}',
    state text NOT NULL DEFAULT 'ACTIVE',
    removed_at timestamptz,{STAMPS},
    CONSTRAINT pk_memberships PRIMARY KEY (org_id, id),
    CONSTRAINT ck_memberships_state CHECK (state IN ('ACTIVE', 'REMOVED')),
    CONSTRAINT uq_memberships_org_id_user_id UNIQUE (org_id, user_id),
    CONSTRAINT fk_memberships_org_id FOREIGN KEY (org_id) REFERENCES organizations (id),
    CONSTRAINT fk_memberships_user_id FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX ix_memberships_user_id ON memberships (user_id);
CREATE INDEX ix_memberships_org_id_created_at_id ON memberships (org_id, created_at, id);

CREATE TABLE departments (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',{STAMPS},
    CONSTRAINT pk_departments PRIMARY KEY (org_id, id),
    CONSTRAINT ck_departments_name CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT fk_departments_org_id FOREIGN KEY (org_id) REFERENCES organizations (id)
);
CREATE UNIQUE INDEX uq_departments_org_id_name ON departments (org_id, lower(name));
CREATE INDEX ix_departments_org_id_name_id ON departments (org_id, name, id);

CREATE TABLE department_memberships (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    department_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role text NOT NULL DEFAULT 'MEMBER',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_department_memberships PRIMARY KEY (org_id, id),
    CONSTRAINT ck_department_memberships_role CHECK (role IN ('LEAD', 'MEMBER', 'VIEWER')),
    CONSTRAINT uq_department_memberships_org_id_department_id_user_id UNIQUE (org_id, department_id, user_id),
    CONSTRAINT fk_department_memberships_org_id_department_id FOREIGN KEY (org_id, department_id)
        REFERENCES departments (org_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_department_memberships_org_id_user_id FOREIGN KEY (org_id, user_id)
        REFERENCES memberships (org_id, user_id)
);
CREATE INDEX ix_department_memberships_org_id_user_id ON department_memberships (org_id, user_id);

CREATE TABLE roles (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    permissions text[] NOT NULL DEFAULT '{{}}',{STAMPS},
    CONSTRAINT pk_roles PRIMARY KEY (org_id, id),
    CONSTRAINT ck_roles_key CHECK (key ~ '^[A-Z][A-Z0-9_]{{1,49}}$'),
    CONSTRAINT ck_roles_name CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT fk_roles_org_id FOREIGN KEY (org_id) REFERENCES organizations (id)
);
CREATE UNIQUE INDEX uq_roles_org_id_key ON roles (org_id, key);
CREATE UNIQUE INDEX uq_roles_org_id_name ON roles (org_id, lower(name));

CREATE TABLE sessions (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    current_org_id uuid NOT NULL,
    device_id text NOT NULL DEFAULT '',
    user_agent text NOT NULL DEFAULT '',
    address text NOT NULL DEFAULT '',
    impersonating boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    end_reason text,
    CONSTRAINT pk_sessions PRIMARY KEY (id),
    CONSTRAINT ck_sessions_end_reason CHECK (end_reason IN (
        'SIGNED_OUT', 'SIGNED_OUT_EVERYWHERE', 'SESSION_LIMIT', 'TOKEN_REUSED', 'EXPIRED',
        'PASSWORD_RESET', 'ACCESS_LOST')),
    CONSTRAINT ck_sessions_ended CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    CONSTRAINT fk_sessions_user_id FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT fk_sessions_current_org_id FOREIGN KEY (current_org_id) REFERENCES organizations (id)
);
CREATE INDEX ix_sessions_user_id_live ON sessions (user_id, last_used_at) WHERE ended_at IS NULL;
CREATE INDEX ix_sessions_user_id ON sessions (user_id, created_at, id);

CREATE TABLE refresh_tokens (
    id uuid NOT NULL,
    session_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    spent_at timestamptz,
    CONSTRAINT pk_refresh_tokens PRIMARY KEY (id),
    CONSTRAINT uq_refresh_tokens_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_refresh_tokens_session_id FOREIGN KEY (session_id)
        REFERENCES sessions (id) ON DELETE CASCADE
);
CREATE INDEX ix_refresh_tokens_session_id ON refresh_tokens (session_id);
"""

# The app role must not find people by e-mail; adding a member is the one thing that needs it. This function
# answers with an id and nothing else, whether the person was known or not.
PERSON = """
CREATE FUNCTION identity_person(new_id uuid, new_email text, new_name text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found_id uuid;
BEGIN
    INSERT INTO users (id, email, name) VALUES (new_id, new_email, new_name)
    ON CONFLICT ((lower(email))) DO NOTHING RETURNING id INTO found_id;
    IF found_id IS NULL THEN
        SELECT id INTO found_id FROM users WHERE lower(email) = lower(new_email);
    END IF;
    RETURN found_id;
END $$
"""
PERSON_ACCESS = [
    f"GRANT CREATE ON SCHEMA public TO {SYSTEM_ROLE}",
    f"ALTER FUNCTION identity_person(uuid, text, text) OWNER TO {SYSTEM_ROLE}",
    f"REVOKE CREATE ON SCHEMA public FROM {SYSTEM_ROLE}",
    "REVOKE ALL ON FUNCTION identity_person(uuid, text, text) FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION identity_person(uuid, text, text) TO {APP_ROLE}",
]


def organizations_access() -> list[str]:
    """Visible from inside, and to active members, who may switch to it; an array can use the index."""
    mine = (
        f"SELECT m.org_id FROM memberships m WHERE m.user_id = {CURRENT_USER}"  # noqa: S608 - a statement of ours
        " AND m.state = 'ACTIVE'"
    )
    return [
        *enable("organizations"),
        policy(
            "organizations",
            "visible",
            APP_ROLE,
            f"id = ANY (array_append(ARRAY({mine}), {CURRENT_ORG}))",
            "SELECT",
        ),
        policy("organizations", "own", APP_ROLE, f"id = {CURRENT_ORG}", "UPDATE"),
        "GRANT SELECT, UPDATE (slug, name, modules, time_zone, working_day_start, working_day_end,"
        f" max_sessions, version, updated_at) ON organizations TO {APP_ROLE}",
        *system_access("organizations", "SELECT, INSERT"),
    ]


def users_access() -> list[str]:
    """Visible through the organization's memberships (history names removed ones too), and to themselves."""
    colleague = f"SELECT FROM memberships m WHERE m.org_id = {CURRENT_ORG} AND m.user_id = users.id"
    return [
        *enable("users"),
        policy("users", "visible", APP_ROLE, f"id = {CURRENT_USER} OR EXISTS ({colleague})", "SELECT"),
        policy("users", "self", APP_ROLE, f"id = {CURRENT_USER}", "UPDATE"),
        f"GRANT SELECT, UPDATE (name, time_zone, version, updated_at) ON users TO {APP_ROLE}",
        *system_access("users", "SELECT, INSERT, UPDATE"),
        *enable("user_credentials"),
        *system_access("user_credentials", "SELECT, INSERT, UPDATE"),
        *enable("one_time_tokens"),
        *system_access("one_time_tokens", "SELECT, INSERT, UPDATE, DELETE"),
    ]


def sessions_access() -> list[str]:
    """People see and end their own sessions; only the system role starts them or reads refresh tokens."""
    return [
        *enable("sessions"),
        policy("sessions", "own", APP_ROLE, f"user_id = {CURRENT_USER}", "SELECT"),
        policy("sessions", "own_end", APP_ROLE, f"user_id = {CURRENT_USER}", "UPDATE"),
        f"GRANT SELECT, UPDATE (ended_at, end_reason) ON sessions TO {APP_ROLE}",
        *system_access("sessions", "SELECT, INSERT, UPDATE"),
        *enable("refresh_tokens"),
        *system_access("refresh_tokens", "SELECT, INSERT, UPDATE, DELETE"),
    ]


def memberships_access() -> list[str]:
    return [
        *protect("memberships", "SELECT, INSERT, UPDATE"),
        policy("memberships", "own", APP_ROLE, f"user_id = {CURRENT_USER}", "SELECT"),
        *system_access("memberships", "SELECT, INSERT, UPDATE"),
    ]


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for role in (APP_ROLE, SYSTEM_ROLE):
        for statement in make_role(role):
            op.execute(statement)
    statements = [
        *TABLES.strip().removesuffix(";").split(";\n"),
        *organizations_access(),
        *users_access(),
        *memberships_access(),
        *protect("departments"),
        *protect("department_memberships"),
        *protect("roles"),
        *system_access("roles", "SELECT"),
        *sessions_access(),
        PERSON,
        *PERSON_ACCESS,
    ]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP FUNCTION identity_person(uuid, text, text)")
    for table in (
        "refresh_tokens",
        "sessions",
        "roles",
        "department_memberships",
        "departments",
        "memberships",
        "one_time_tokens",
        "user_credentials",
        "users",
        "organizations",
    ):
        op.execute(f"DROP TABLE {table}")

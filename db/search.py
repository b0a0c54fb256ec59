"""Text search under row-level security.

LIKE is not leakproof, so a policy keeps it from using an index. Search therefore goes through one function for each
table, owned by a role that sees the searched columns of all rows; it filters by the organization of the connection
(never by an argument) and answers with ids, and what is made of them is under the policies again.
"""

from typing import Any

from sqlalchemy import Index, literal_column

from db.rls import APP_ROLE, SEARCH_ROLE, policy

# Left out of what is compared: spaces, punctuation, and accents once they are decomposed.
PLAIN_IGNORED = r"\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u007f"
IGNORED = PLAIN_IGNORED + r"\u00a1\u00a7\u00ab\u00b0\u00b7\u00bb\u00bf\u0300-\u036f\u2010-\u2015\u2018-\u201e"
# Letters that do not fall apart into a base letter and an accent.
LETTERS = {"ø": "o", "Ø": "o", "ł": "l", "Ł": "l", "đ": "d", "Đ": "d", "ð": "d", "Ð": "d", "ħ": "h", "ı": "i"}
DOUBLE_LETTERS = {"ß": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "þ": "th", "Þ": "th"}


def _fold() -> str:
    sql = f"regexp_replace(normalize(value, NFKD), '[{IGNORED}]+', '', 'g')"
    for letter, letters in DOUBLE_LETTERS.items():
        sql = f"replace({sql}, '{letter}', '{letters}')"
    return f"lower(translate({sql}, '{''.join(LETTERS)}', '{''.join(LETTERS.values())}'))"


# Most texts are plain ASCII, for which the long way is ten times as dear. In PL/pgSQL, because a function that is put
# into the statement hides its cost: the planner would rather fold a whole table than ask the index.
FOLD = f"""
CREATE FUNCTION search_fold(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 500 AS $$
BEGIN
    IF octet_length(value) = length(value) THEN
        RETURN lower(regexp_replace(value, '[{PLAIN_IGNORED}]+', '', 'g'));
    END IF;
    RETURN {_fold()};
END $$
"""

# The words of a query as patterns, the longest first: the index is asked for two of them.
WORDS = """
CREATE FUNCTION search_words(query text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(
    SELECT '%' || folded.word || '%'
    FROM (
        SELECT DISTINCT public.search_fold(part) AS word
        FROM string_to_table(translate(normalize(query, NFKD), E'\t\n\u000b\f\r', '     '), ' ') AS part
    ) folded
    WHERE folded.word <> ''
    ORDER BY length(folded.word) DESC, folded.word
)
"""

FUNCTION = """
CREATE FUNCTION search_{table}(fields text[], query text) RETURNS SETOF uuid LANGUAGE plpgsql STABLE
SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    org uuid := nullif(current_setting('app.org_id', true), '')::uuid;
    me uuid := nullif(current_setting('app.user_id', true), '')::uuid;
    words text[] := search_words(query);
    longest text := words[1];
    second text := words[2];
BEGIN
    IF longest IS NULL THEN
        RETURN QUERY SELECT t.id FROM {table} t WHERE {tenant};
    ELSIF second IS NULL THEN
        RETURN QUERY SELECT t.id FROM {table} t WHERE {tenant}
            AND {document} LIKE longest AND concat_ws('|', {allowed}) LIKE longest;
    ELSE
        RETURN QUERY SELECT t.id FROM {table} t WHERE {tenant}
            AND {document} LIKE longest AND {document} LIKE second AND concat_ws('|', {allowed}) LIKE ALL (words);
    END IF;{oneself}
END $$
"""
TENANT = "t.org_id = org"
MEMBER = "EXISTS (SELECT FROM memberships m WHERE m.org_id = org AND m.user_id = t.id)"
# People see themselves wherever they work, also where they are no members.
ONESELF = """
    IF me IS NOT NULL AND NOT EXISTS (SELECT FROM memberships m WHERE m.org_id = org AND m.user_id = me) THEN
        RETURN QUERY SELECT t.id FROM {table} t WHERE t.id = me
            AND (longest IS NULL OR concat_ws('|', {allowed}) LIKE ALL (words));
    END IF;"""


def document(*columns: str, alias: str = "") -> str:
    """SQL of the text that is searched: the columns, with a mark between them that no folded text has. Brackets are
    as PostgreSQL sets them, so that models and migrations can be compared."""
    whole, *others = (f"COALESCE(search_fold({alias}{column}), '')" for column in columns)
    for part in others:
        whole = f"(({whole} || '|') || {part})"
    return whole


def search_index(table: str, *columns: str, tenant: bool = True) -> Index:
    """The index of a searchable table, for its model."""
    searched: Any = literal_column(f"({document(*columns)})").label("document")
    keys = ["org_id", searched] if tenant else [searched]
    return Index(f"ix_{table}_search", *keys, postgresql_using="gin", postgresql_ops={"document": "gin_trgm_ops"})


def index_sql(table: str, *columns: str, tenant: bool = True) -> str:
    """The same, for its migration: outside of a transaction, because it is built while others write."""
    first = "org_id, " if tenant else ""
    return (
        f"CREATE INDEX CONCURRENTLY ix_{table}_search ON {table} USING gin ({first}({document(*columns)}) gin_trgm_ops)"
    )


def searchable(table: str, *columns: str, tenant: bool = True) -> list[str]:
    """Statements that make the columns of a table searchable by `search_<table>`; `tenant=False` is for people."""
    allowed = ", ".join(f"CASE WHEN '{column}' = ANY (fields) THEN search_fold(t.{column}) END" for column in columns)
    name = f"search_{table}(text[], text)"
    seen = ", ".join([*(["org_id"] if tenant else []), "id", *columns])
    function = FUNCTION.format(
        table=table,
        tenant=TENANT if tenant else MEMBER,
        oneself="" if tenant else ONESELF.format(table=table, allowed=allowed),
        document=document(*columns, alias="t."),
        allowed=allowed,
    )
    return [
        policy(table, "search", SEARCH_ROLE, "true", "SELECT"),
        f"GRANT SELECT ({seen}) ON {table} TO {SEARCH_ROLE}",
        function,
        f"GRANT CREATE ON SCHEMA public TO {SEARCH_ROLE}",
        f"ALTER FUNCTION {name} OWNER TO {SEARCH_ROLE}",
        f"REVOKE CREATE ON SCHEMA public FROM {SEARCH_ROLE}",
        f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {name} TO {APP_ROLE}",
    ]


def unsearchable(table: str) -> list[str]:
    """Takes back what `searchable` and its index made."""
    return [
        f"DROP FUNCTION search_{table}(text[], text)",
        f"DROP POLICY search ON {table}",
        f"REVOKE SELECT ON {table} FROM {SEARCH_ROLE}",  # noqa: S608 - a statement of ours
        f"DROP INDEX ix_{table}_search",
    ]

"""Text search under row-level security.

What is searched is folded once, when it is written: a searchable table has a generated column of it, with a trigram
index.

LIKE is not leakproof, so a policy keeps it from using an index. Search therefore goes through one function for each
table, owned by a role that sees the searched columns of all rows; it filters by the organization of the connection
(never by an argument) and answers with ids, and what is made of them is under the policies again.
"""

from typing import Any

from sqlalchemy import Computed, Index, Text
from sqlalchemy.orm import MappedColumn, mapped_column

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


COLUMN = "search_text"

# Most texts are plain ASCII, for which the long way is ten times as dear.
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
CREATE OR REPLACE FUNCTION search_{table}(fields text[], query text) RETURNS SETOF uuid LANGUAGE plpgsql STABLE
SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    org uuid := nullif(current_setting('app.org_id', true), '')::uuid;
    me uuid := nullif(current_setting('app.user_id', true), '')::uuid;
    words text[] := search_words(query);
    longest text := words[1];
    second text := words[2];
    every boolean := fields @> ARRAY[{names}];
BEGIN
    IF longest IS NULL THEN
        RETURN QUERY SELECT t.id FROM {table} t WHERE {tenant};
    ELSIF second IS NULL THEN
        RETURN QUERY SELECT t.id FROM {table} t WHERE {tenant} AND {text} LIKE longest AND {allowed};
    ELSE
        RETURN QUERY SELECT t.id FROM {table} t WHERE {tenant}
            AND {text} LIKE longest AND {text} LIKE second AND {text} LIKE ALL (words) AND {allowed};
    END IF;{oneself}
END $$
"""
TENANT = "t.org_id = org"
MEMBER = "EXISTS (SELECT FROM memberships m WHERE m.org_id = org AND m.user_id = t.id)"
# People see themselves wherever they work, also where they are no members.
ONESELF = """
    IF me IS NOT NULL AND NOT EXISTS (SELECT FROM memberships m WHERE m.org_id = org AND m.user_id = me) THEN
        RETURN QUERY SELECT t.id FROM {table} t WHERE t.id = me
            AND (longest IS NULL OR {text} LIKE ALL (words) AND {allowed});
    END IF;"""


def document(*columns: str) -> str:
    """SQL of the text that is searched: the columns, with a mark between them that no folded text has. Brackets and
    casts are as PostgreSQL sets them, so that models and migrations can be compared."""
    whole, *others = (f"COALESCE(search_fold({column}), ''::text)" for column in columns)
    for part in others:
        whole = f"(({whole} || '|'::text) || {part})"
    return whole


def searched(*columns: str) -> MappedColumn[Any]:
    """The generated column of a searchable table, for its model."""
    return mapped_column(Text, Computed(document(*columns), persisted=True), deferred=True)


def search_index(table: str, *, tenant: bool = True) -> Index:
    """The index of a searchable table, for its model."""
    keys = ["org_id", COLUMN] if tenant else [COLUMN]
    return Index(f"ix_{table}_search", *keys, postgresql_using="gin", postgresql_ops={COLUMN: "gin_trgm_ops"})


def index_sql(table: str, *, tenant: bool = True) -> list[str]:
    """The same, for its migration: outside of a transaction, because it is built while others write. One that was
    killed is begun again, and leaves an index that is of no use."""
    keys = f"{'org_id, ' if tenant else ''}{COLUMN} gin_trgm_ops"
    return [
        f"DROP INDEX CONCURRENTLY IF EXISTS ix_{table}_search",
        f"CREATE INDEX CONCURRENTLY ix_{table}_search ON {table} USING gin ({keys})",
    ]


def searchable(table: str, *columns: str, tenant: bool = True) -> list[str]:
    """Statements that make the columns of a table searchable by `search_<table>`; `tenant=False` is for people. They
    can be repeated. A table that has rows is written anew, 2 to 20 µs a row, and locked meanwhile."""
    name = f"search_{table}(text[], text)"
    text = f"t.{COLUMN}"
    parts = ", ".join(
        f"CASE WHEN '{column}' = ANY (fields) THEN split_part({text}, '|', {place}) END"
        for place, column in enumerate(columns, 1)
    )
    # Who may read all columns, as most may, needs no second look.
    allowed = f"(every OR concat_ws('|', {parts}) LIKE ALL (words))"
    function = FUNCTION.format(
        table=table,
        names=", ".join(f"'{column}'" for column in columns),
        text=text,
        tenant=TENANT if tenant else MEMBER,
        oneself="" if tenant else ONESELF.format(table=table, text=text, allowed=allowed),
        allowed=allowed,
    )
    seen = ", ".join([*(["org_id"] if tenant else []), "id", COLUMN])
    return [
        # The linter warns of the rewrite; ADR 9 says why it is worth it.
        "-- squawk-ignore adding-field-with-default\n"
        f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {COLUMN} text GENERATED ALWAYS AS ({document(*columns)}) STORED",
        f"DROP POLICY IF EXISTS search ON {table}",
        policy(table, "search", SEARCH_ROLE, "true", "SELECT"),
        f"REVOKE ALL ON {table} FROM {SEARCH_ROLE}",
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
        f"REVOKE ALL ON {table} FROM {SEARCH_ROLE}",
        f"DROP INDEX IF EXISTS ix_{table}_search",
        f"ALTER TABLE {table} DROP COLUMN IF EXISTS {COLUMN}",
    ]

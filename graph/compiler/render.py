"""SQL that renders JSON objects and lists from (response key, SQL) items."""

Item = tuple[str, str]

# PostgreSQL cuts identifiers at 63 bytes and allows 1,664 columns; beyond either, labels cannot be response keys.
MAX_LABEL = 63
MAX_COLUMNS = 1600


def _labels_fit(items: list[Item]) -> bool:
    return len(items) <= MAX_COLUMNS and all(len(key) <= MAX_LABEL for key, _ in items)


def _labelled(items: list[Item]) -> str:
    return ", ".join(f'{sql} AS "{key}"' for key, sql in items)


def _constructed(items: list[Item]) -> str:
    return "JSON_OBJECT(" + ", ".join(f"'{key}' : {sql}" for key, sql in items) + " RETURNING json)"


def json_object(items: list[Item], source: str = "") -> str:
    """SELECT of one JSON object, from `source` ("FROM …") when given. No row gives null as a scalar sub-select."""
    if _labels_fit(items):
        return f"SELECT row_to_json(r) FROM (SELECT {_labelled(items)} {source}) r"
    return f"SELECT {_constructed(items)} {source}"


def json_list(items: list[Item], source: str) -> str:
    """SELECT of the JSON list of all rows of `source`, in its order."""
    if _labels_fit(items):
        # The same as of row_to_json(r) but for line breaks between them, and a text less to make of each row.
        return f"SELECT coalesce(json_agg(r), '[]'::json) FROM (SELECT {_labelled(items)} {source}) r"
    return f"SELECT coalesce(json_agg({_constructed(items)}), '[]'::json) {source}"

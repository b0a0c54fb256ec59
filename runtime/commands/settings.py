"""settings: list what can be configured. Generated from the model, so that it cannot be out of date."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import urlsplit, urlunsplit

import typer

from runtime.commands.common import Data, load
from runtime.paths import PROJECT


def settings(
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print them as the README's table.")] = False,
) -> None:
    """List every setting: its environment variable, default, meaning and value now (secrets masked)."""
    import json

    rows = described(load(data, servers=False))
    if as_json:
        print(json.dumps(rows, indent=2))
    elif markdown:
        print(table(rows))
    else:
        for row in rows:
            print(f"{row['variable']}={row['value']}\n    {row['meaning']} Default: {row['default'] or 'none'}.")


def table(rows: list[dict[str, str]]) -> str:
    """The README's table."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for row in rows:
        default = f"`{row['default']}`" if row["default"] else "none"
        lines.append(f"| `{row['variable']}` | {default} | {row['meaning']} |")
    return "\n".join(lines)


def described(loaded: Any) -> list[dict[str, str]]:
    """One row per setting: variable, default, meaning, value."""
    rows = []
    for name, field in type(loaded).model_fields.items():
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        meaning = (field.description or "") + (f" One of {', '.join(choices)}." if choices else "")
        rows.append(
            {
                "variable": name.upper(),
                "default": shown(field.default),
                "meaning": meaning,
                "value": shown(getattr(loaded, name)),
            }
        )
    return rows


def shown(value: Any) -> str:
    """A value for people: secrets and passwords in URLs masked, paths relative to the project."""
    if hasattr(value, "get_secret_value"):
        return "********" if value.get_secret_value() else ""
    if isinstance(value, Path):
        return str(value.relative_to(PROJECT)) if value.is_relative_to(PROJECT) else str(value)
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    parts = urlsplit(text) if "://" in text else None
    if parts and parts.password:
        return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":********@")))
    return text

"""Makes graphiql.js, graphiql.css, react.js, react-dom.js and THIRD_PARTY.txt anew from pinned npm packages.

Run `python graph/static/rebuild.py`; it needs npm. The files are committed, so that serving them needs neither npm nor
a network. What is changed: references to source maps go, and so do the embedded fonts (the system's are used).
GraphiQL 4 is the last one whose build is a plain script of this size; 5 brings the Monaco editor and its workers.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
PACKAGES = {"graphiql": "4.1.2", "react": "18.3.1", "react-dom": "18.3.1"}
FILES = {
    "graphiql.js": "graphiql/graphiql.min.js",
    "graphiql.css": "graphiql/graphiql.min.css",
    "react.js": "react/umd/react.production.min.js",
    "react-dom.js": "react-dom/umd/react-dom.production.min.js",
}
SOURCE_MAP = re.compile(r"^(//# |/\*# )sourceMappingURL=.*$\n?", re.MULTILINE)
FONT = re.compile(r"@font-face\s*\{[^}]*\}")
LICENCES = ("MIT", "BSD-2-Clause", "0BSD", "ISC", "Apache-2.0")


def bundled(modules: Path) -> list[str]:
    """The packages that went into GraphiQL's build, by its source map."""
    sources = json.loads((modules / "graphiql/graphiql.min.js.map").read_text())["sources"]
    found = {match[-1] for source in sources if (match := re.findall(r"node_modules/((?:@[^/]+/)?[^/]+)/", source))}
    return sorted(found | set(PACKAGES) | {"@graphiql/react", "@graphiql/toolkit", "graphql-language-service"})


def notice(modules: Path) -> str:
    """Name, version, licence and licence text of everything that is served."""
    groups: dict[str, list[str]] = {}
    for name in bundled(modules):
        folder = modules / name
        package = json.loads((folder / "package.json").read_text())
        if package["license"] not in LICENCES:
            sys.exit(f"{name} is licensed under {package['license']}: look at it before it is served.")
        texts = [file for file in sorted(folder.iterdir()) if file.name.lower().startswith(("license", "licence"))]
        text = texts[0].read_text().strip() if texts else "(The package brings no licence text of its own.)"
        groups.setdefault(text, []).append(f"{name} ({package['license']})")
    parts = ["What graphiql.js, graphiql.css, react.js and react-dom.js are made of, and under which licences."]
    parts += [", ".join(names) + "\n\n" + text for text, names in groups.items()]
    return f"\n\n{'-' * 100}\n\n".join(parts) + "\n"


def main() -> None:
    npm = shutil.which("npm") or sys.exit("npm is not installed.")
    with tempfile.TemporaryDirectory() as folder:
        install = [npm, "install", "--silent", "--ignore-scripts", "--legacy-peer-deps", "--prefix", folder]
        wanted = [f"{name}@{version}" for name, version in PACKAGES.items()]
        subprocess.run([*install, *wanted], check=True)  # noqa: S603 - names and versions from above
        modules = Path(folder) / "node_modules"
        # What the build contains and newer dependencies do not need is fetched for its licence.
        if missing := [name for name in bundled(modules) if not (modules / name).exists()]:
            subprocess.run([*install, *wanted, *missing], check=True)  # noqa: S603 - as above, and names from its map
        for target, source in FILES.items():
            text = SOURCE_MAP.sub("", (modules / source).read_text())
            (FOLDER / target).write_text(FONT.sub("", text) if target.endswith(".css") else text)
        (FOLDER / "THIRD_PARTY.txt").write_text(notice(modules))


if __name__ == "__main__":
    main()

"""Which hosts our files name: loopback, examples, standards, and what GraphiQL's built code says of itself. Where
packages come from is the business of whoever installs."""

import re
import subprocess

import pytest

from runtime.paths import PROJECT

ALLOWED = {
    "127.0.0.1",
    "localhost",
    "example.com",
    "ecma-international.org",
    "github.com",
    "schemas.openxmlformats.org",
    "www.apache.org",
    "www.w3.org",
}
BUILT, IN_BUILT = "graph/static/", {
    "codemirror.net",
    "commonmark.org",
    "en.wikipedia.org",
    "mathiasbynens.be",
    "motion.dev",
    "radix-ui.com",
    "reactjs.org",
}  # fmt: skip
EXAMPLES = (".example", ".example.com")

URL = re.compile(r"""(?:https?|wss?|ftp)://(?:[^\s/@"'<>]*@)?([^\s/:?#"'`<>(){}\[\],;|\\$]+)""", re.IGNORECASE)
# A host by itself, where a dot is not an attribute of something. (The built code's licences name their authors.)
BARE = re.compile(r"(?<![\w.-])(?:[a-z0-9-]+\.)+(?:com|dev|io|net|org)(?![\w-]|\.\w)", re.IGNORECASE)


def strange(name: str, text: str) -> set[str]:
    """The hosts in a file's text that it has no reason to name."""
    built = name.startswith(BUILT)
    found = URL.findall(text) + ([] if built or name.endswith(".py") else BARE.findall(text))
    known = ALLOWED | IN_BUILT if built else ALLOWED
    hosts = {host.lower().rstrip(".") for host in found}
    return {host for host in hosts if host not in known and not host.endswith(EXAMPLES)}


def test_only_known_hosts_are_named() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    texts = {name: (PROJECT / name).read_bytes() for name in listed.splitlines() if (PROJECT / name).is_file()}
    assert len(texts) > 300
    found = {name: strange(name, text.decode(errors="replace")) for name, text in texts.items() if b"\0" not in text}
    assert {name: hosts for name, hosts in found.items() if hosts} == {}


MADE_UP, SOMEBODY, NEAR = "packages.made-up", "user:secret", "not-example.com"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.lock", f"--index-url https://{MADE_UP}.test/simple"),
        ("README.md", f"see (HTTP://{MADE_UP}.test)."),
        ("tests/test_x.py", f'URL = "http://{SOMEBODY}@{MADE_UP}.test:8080/simple"'),
        ("tests/test_x.py", f"wss://{MADE_UP}.test"),
        ("bench/peers/package.json", f'"registry": "{MADE_UP}.org/simple"'),
        ("docs/x.md", f"Packages come from {MADE_UP}.io."),
        (".env.example", f"MAIL_FROM=someone@{MADE_UP}.net"),
        ("graph/static/graphiql.js", f"`https://{MADE_UP}.test`"),
        ("docs/x.md", f"https://{NEAR}/x"),
    ],
)
def test_a_strange_host_is_noticed(name: str, text: str) -> None:
    assert len(strange(name, text)) == 1


def test_who_may_name_what_the_built_code_says() -> None:
    for host in IN_BUILT:
        assert strange("graph/static/react-dom.js", f"https://{host}/docs") == set()
        assert strange("graph/app.py", f"https://{host}/docs") == {host}


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8000/graphql",
        "https://app.example, https://a.b.example.com.",
        "no-reply@example.com",
        "a.org_id",
    ],
)
def test_examples_are_no_strangers(text: str) -> None:
    assert strange("README.md", text) == set()

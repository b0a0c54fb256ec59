"""Who plays in a tour: people that are signed in, whose requests and answers are printed."""

import json
import textwrap
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

SIGN_IN = """
mutation SignIn($input: SignInInput!) {
  signIn(input: $input) { accessToken errors { code message } }
}
"""
WIDTH = 110
SECONDS = 60.0


class TourError(Exception):
    """The tour cannot go on; the text says why."""


@dataclass
class Stage:
    """The platform that a tour plays on. `quiet` prints the steps without requests and answers."""

    url: str
    quiet: bool = False
    steps: int = 0

    def step(self, text: str) -> None:
        self.steps += 1
        print(f"\n{self.steps:>2}. {text}\n{'─' * WIDTH}", flush=True)

    def say(self, text: str) -> None:
        print(textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  "), flush=True)

    def show(self, text: str) -> None:
        if not self.quiet:
            print(textwrap.indent(text, "  "), flush=True)

    def send(self, method: str, url: str, body: bytes | None = None, **headers: str) -> tuple[HTTPResponse, bytes]:
        """One request to an address of the platform, or to one that it gave."""
        parts = urlsplit(url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer, answer.read()
        except (OSError, HTTPException) as error:
            raise TourError(f"{parts.netloc} does not answer ({error}); is the platform running?") from error
        finally:
            connection.close()

    def sign_in(self, email: str, password: str, organization: str, part: str) -> "Person":
        """Somebody of the demo, in the part that they play."""
        person = Person(self, email, part)
        given = {"email": email, "password": password, "organization": organization}
        person.token = person.do(SIGN_IN, {"input": given}, shown=False)["accessToken"]
        person.name = person.ask("{ viewer { name } }", shown=False)["viewer"]["name"]
        return person


@dataclass
class Person:
    """Asks as somebody who is signed in."""

    stage: Stage
    name: str
    part: str
    token: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.name} ({self.part})"

    def ask(self, document: str, variables: dict[str, Any] | None = None, *, shown: bool = True) -> dict[str, Any]:
        """The data of an operation."""
        document, variables = textwrap.dedent(document).strip(), variables or {}
        if shown:
            self.stage.show(f"{self} asks:\n{document}" + (f"\nvariables {pretty(variables)}" if variables else ""))
        headers = {"Content-Type": "application/json", "Accept": "application/graphql-response+json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        body = json.dumps({"query": document, "variables": variables}).encode()
        _, raw = self.stage.send("POST", f"{self.stage.url}/graphql", body, **headers)
        answer: dict[str, Any] = json.loads(raw)
        answer.pop("extensions", None)
        if shown:
            self.stage.show(f"and is answered:\n{pretty(answer)}")
        if answer.get("errors"):
            raise TourError(f"{self} was refused: {answer['errors'][0]['message']}\n{document}")
        data: dict[str, Any] = answer["data"]
        return data

    def do(self, document: str, variables: dict[str, Any] | None = None, *, shown: bool = True) -> dict[str, Any]:
        """The payload of a mutation that must not be refused."""
        payload = self._payload(document, variables, shown)
        if payload["errors"]:
            raise TourError(f"{self} was refused: {'; '.join(each['message'] for each in payload['errors'])}")
        return payload

    def refused(self, document: str, variables: dict[str, Any] | None = None) -> list[str]:
        """Why a mutation that must be refused was."""
        errors = self._payload(document, variables, True)["errors"]
        if not errors:
            raise TourError(f"{self} was not refused, and should have been.")
        return [each["message"] for each in errors]

    def _payload(self, document: str, variables: dict[str, Any] | None, shown: bool) -> dict[str, Any]:
        (payload,) = self.ask(document, variables, shown=shown).values()
        found: dict[str, Any] = payload
        return found


def pretty(value: Any) -> str:
    """JSON on as few lines as its width allows."""
    flat = json.dumps(value, ensure_ascii=False)
    return flat if len(flat) <= WIDTH - 10 else json.dumps(value, ensure_ascii=False, indent=1)

"""Writers: each mutation is sent with a key of its own until it is acknowledged, whatever happens meanwhile."""

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from bench.kit.asking import access_token, credentials

if TYPE_CHECKING:
    from bench.faulting.load import Organization, Run

RECORD = """mutation Record($input: RecordUtilisationInput!) { recordUtilisation(input: $input) {
    utilisationEntry { id note } errors { code message path } } }"""
REPEATED = 20
"""Of so many mutations one is sent once more when it is acknowledged; its answer must be the same to the byte."""
ANSWER_SECONDS = 30.0
LEAST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
TOKEN_SECONDS = 600.0  # half of their life
NOTE = "mutation {}"
LOST = (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError)
Answer = tuple[int, bytes, bool]  # status, body, whether it is a kept one


class Writer:
    """One connection, opened again whenever it is lost."""

    def __init__(self, run: "Run") -> None:
        self.run_of = run
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        for number in self.run_of.numbers():
            await self.run_of.pace()
            await self._write(number)
        self._close()

    async def _write(self, number: int) -> None:
        run = self.run_of
        organization = run.organizations[number % len(run.organizations)]
        body = orjson.dumps({"query": RECORD, "variables": {"input": self._input(organization, number)}})
        status, answer, kept = await self._until_answered(organization, number, body)
        payload = orjson.loads(answer)["data"]["recordUtilisation"]
        if payload["errors"] or payload["utilisationEntry"]["note"] != NOTE.format(number):
            run.violated(f"mutation {number} was answered {answer!r}")
        run.acknowledged += 1
        run.counts["answered from what was kept"] += kept
        if number % REPEATED == 0:
            again = await self._until_answered(organization, number, body)
            run.counts["sent once more"] += 1
            if again[:2] != (status, answer) or not again[2]:
                run.violated(f"mutation {number} was answered {answer!r} and then {again!r}")

    def _input(self, organization: "Organization", number: int) -> dict[str, Any]:
        aircraft = organization.member.aircraft
        return {
            "aircraftId": aircraft[number // len(self.run_of.organizations) % len(aircraft)],
            "flownOn": f"2024-01-{1 + number % 28:02d}",
            "minutes": 1,  # what fits into a day does, however many fall on it
            "cycles": 1,
            "note": NOTE.format(number),
        }

    async def _until_answered(self, organization: "Organization", number: int, body: bytes) -> Answer:
        run, pause = self.run_of, LEAST_PAUSE
        while True:
            try:
                token = await token_of(run, organization)
                status, answer, kept = await self._ask(body, f"fault-{number}", token)
                if status == 200 and b'"data":{"recordUtilisation":{' in answer:
                    return status, answer, kept
                said = code_of(answer)
                if said == "UNAUTHENTICATED":
                    organization.signed_in = -1e9
                run.counts[f"write: {said}"] += 1
            except LOST as error:
                run.counts[f"write: {type(error).__name__}"] += 1
                self._close()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _ask(self, body: bytes, key: str, token: str) -> Answer:
        async with asyncio.timeout(ANSWER_SECONDS):
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.run_of.order.port)
            assert self._reader
            self._writer.write(request(self.run_of.order.port, body, token, key))
            return await answer_of(self._reader)

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


def request(port: int, body: bytes, token: str = "", key: str = "") -> bytes:
    lines = [
        "POST /graphql HTTP/1.1",
        f"host: 127.0.0.1:{port}",
        "content-type: application/json",
        "accept: application/graphql-response+json",
        *([f"authorization: Bearer {token}"] if token else []),
        *([f"idempotency-key: {key}"] if key else []),
        f"content-length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def answer_of(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    return int(head[9:12]), await reader.readexactly(length), b"\r\nidempotency-replayed:" in head


def code_of(answer: bytes) -> str:
    found = orjson.loads(answer).get("errors") or [{}]
    return str(found[0].get("extensions", {}).get("code", "?"))


async def token_of(run: "Run", organization: "Organization") -> str:
    """An access token that is still good for long; one sign-in at a time. Raises what is in LOST."""
    async with organization.signing_in:
        now = asyncio.get_running_loop().time()
        if now - organization.signed_in < TOKEN_SECONDS:
            return organization.token
        member = organization.member
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", run.order.port)
            try:
                writer.write(request(run.order.port, credentials(member.email, member.slug)))
                _, answer, _ = await answer_of(reader)
            finally:
                writer.close()
        token = access_token(answer)
        if token is None:
            run.counts[f"sign-in: {code_of(answer)}"] += 1
            raise ValueError("not signed in")
        organization.token, organization.signed_in = token, now
        run.counts["sign-ins"] += 1
        return organization.token

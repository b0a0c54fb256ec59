"""From what is due to a verified certificate: a planner, a technician, an inspector and a certifying engineer."""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tours.client import Person, Stage, TourError

ORGANIZATION, PASSWORD = "skyline-maintenance", "wind-tunnel-biscuit-41"
PATIENCE = 60.0

DUE = """
query Due($first: Int!) {
  dueItems(first: $first, where: {task: {code: {in: ["27-51-03", "34-11-01"]}}, aircraft: {status: {eq: ACTIVE}}}) {
    nodes { title state limiting remainingDays remainingCycles forecastOn taskId aircraft { id registration } }
  }
}
"""
ORDERED = """
query Ordered($aircraft: ID!, $task: ID!) {
  overdue: dueItems(first: 5, where: {aircraftId: {eq: $aircraft}, state: {eq: OVERDUE}}) {
    nodes { kind title airworthinessLimitation } }
  cards: taskCards(first: 1, where: {aircraftId: {eq: $aircraft}, taskId: {eq: $task},
    status: {notIn: [CLOSED, CANCELLED]}}) { nodes { id } }
  defects(first: 1, where: {aircraftId: {eq: $aircraft}, status: {ne: RECTIFIED}}) { nodes { id } }
}
"""
ORDER = """
mutation Order($input: CreateWorkOrderInput!) {
  createWorkOrder(input: $input) { workOrder { id number status } errors { code message path } }
}
"""
ADD = """
mutation Add($input: AddTaskCardInput!) {
  addTaskCard(input: $input) {
    taskCard { id number title inspectionRequired status } errors { code message path } }
}
"""
OPEN = """
mutation Open($id: ID!) { openWorkOrder(id: $id) { workOrder { status } errors { code message path } } }
"""
START = """
mutation Start($id: ID!) { startTaskCard(id: $id) { taskCard { status } errors { code message path } } }
"""
PERFORM = """
mutation Perform($input: PerformTaskCardInput!) {
  performTaskCard(input: $input) {
    taskCard { status signOffs(last: 1) { nodes { kind signedOn authorisation { number privilege } } } }
    errors { code message path } }
}
"""
REPORT = """
mutation Report($input: ReportDefectInput!) {
  reportDefect(input: $input) { defect { id number status } errors { code message path } }
}
"""
INSPECT = """
mutation Inspect($input: SignTaskCardInput!) {
  inspectTaskCard(input: $input) {
    taskCard { status signOffs(last: 1) { nodes { kind signatory { name } authorisation { number privilege } } } }
    errors { code message path } }
}
"""
CLOSE = """
mutation Close($input: CloseTaskCardInput!) {
  closeTaskCard(input: $input) { taskCard { status } errors { code message path } }
}
"""
COMPLETE = """
mutation Complete($id: ID!) { completeWorkOrder(id: $id) { workOrder { status } errors { code message path } } }
"""
DEFER = """
mutation Defer($input: DeferDefectInput!) {
  deferDefect(input: $input) { deferral { category dueOn authorisation { number } } errors { code message path } }
}
"""
RELEASE = """
mutation Release($input: ReleaseAircraftInput!) {
  releaseAircraft(input: $input) {
    release { id number status releasedOn totalMinutes totalCycles incompleteWork verificationPath }
    errors { code message path } }
}
"""
PDF = "query Certificate($id: ID!) { release(id: $id) { documentId document { name size sha256 } } }"
LINK = """
mutation Link($id: ID!) { documentLink(id: $id) { url expiresAt errors { code message path } } }
"""
KEYS = "{ signingKeys(first: 10) { nodes { subject fingerprint chain } } }"
VERIFY = "query Verify($number: String!, $token: String!) { verifyCertificate(number: $number, token: $token) }"
AGAIN = """
query Again($aircraft: ID!, $task: ID!) {
  dueItems(first: 1, where: {aircraftId: {eq: $aircraft}, taskId: {eq: $task}}) {
    nodes { title state remainingDays forecastOn } }
}
"""


def play(stage: Stage) -> None:
    """Plays it all. Raises TourError when something is not as it should be."""
    Maintenance(stage).play()


class Maintenance:
    """The four people, and what they work on."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.planner = self._person("planner", "planner")
        self.technician = self._person("technician", "technician")
        self.inspector = self._person("inspector", "inspector")
        self.engineer = self._person("engineer", "certifying engineer")

    def _person(self, name: str, part: str) -> Person:
        return self.stage.sign_in(f"{name}@skyline.example", PASSWORD, ORGANIZATION, part)

    def play(self) -> None:
        item = self.choose()
        order, card = self.plan(item)
        defect = self.work(item, card)
        self.inspect(card)
        self.certify(order, card, defect)
        release = self.release(order)
        self.prove(release)
        self.stage.step("The planner looks again: what was done is due later")
        self.planner.ask(AGAIN, {"aircraft": item["aircraft"]["id"], "task": item["taskId"]})

    def choose(self) -> dict[str, Any]:
        """The first item that nobody works on, of an aircraft that nothing else keeps on the ground."""
        self.stage.step("The planner asks what is due and needs an inspection, what limits first at the top")
        self.planner.ask(DUE, {"first": 4})
        for item in self.planner.ask(DUE, {"first": 100}, shown=False)["dueItems"]["nodes"]:
            aircraft = item["aircraft"]
            found = self.planner.ask(ORDERED, {"aircraft": aircraft["id"], "task": item["taskId"]}, shown=False)
            grounded = any(
                each["kind"] == "DIRECTIVE" or each["airworthinessLimitation"] for each in found["overdue"]["nodes"]
            )
            if not (grounded or found["cards"]["nodes"] or found["defects"]["nodes"]):
                self.stage.say(f"{aircraft['registration']}: {item['title']}")
                chosen: dict[str, Any] = item
                return chosen
        raise TourError("Everything that is due is being worked on already; start with a new demo.")

    def plan(self, item: dict[str, Any]) -> tuple[str, str]:
        self.stage.step("The planner orders the work: a task card made from the due item")
        given = {"aircraftId": item["aircraft"]["id"], "title": f"Tour: {item['title']}"[:200]}
        order = self.planner.do(ORDER, {"input": given})["workOrder"]["id"]
        source = {"taskId": item["taskId"]}
        card = self.planner.do(ADD, {"input": {"workOrderId": order, "source": source}})["taskCard"]["id"]
        self.planner.do(OPEN, {"id": order})
        return order, card

    def work(self, item: dict[str, Any], card: str) -> str:
        self.stage.step("The technician does the work, finds a defect, and signs")
        self.technician.do(START, {"id": card})
        found = {
            "aircraftId": item["aircraft"]["id"],
            "description": "Reading light at seat 14C inoperative.",
            "ataChapter": "33-21",
            "taskCardId": card,
        }
        defect = self.technician.do(REPORT, {"input": found})["defect"]["id"]
        note = "Carried out to the maintenance manual; all values within limits."
        self.technician.do(PERFORM, {"input": {"id": card, "note": note, "finished": True}})
        return str(defect)

    def inspect(self, card: str) -> None:
        self.stage.step("The technician may not inspect the work; the inspector does")
        for reason in self.technician.refused(INSPECT, {"input": {"id": card}}):
            self.stage.say(f"Refused: {reason}")
        self.inspector.do(INSPECT, {"input": {"id": card, "note": "Inspected, no findings."}})

    def certify(self, order: str, card: str, defect: str) -> None:
        self.stage.step("The certifying engineer tries to release too early, and is told everything that is missing")
        for reason in self.engineer.refused(RELEASE, {"input": {"workOrderId": order}}):
            self.stage.say(f"Refused: {reason}")
        self.stage.step("The card is closed, the defect deferred, the work order completed")
        self.engineer.do(CLOSE, {"input": {"id": card, "incomplete": False}})
        self.engineer.do(
            DEFER, {"input": {"defectId": defect, "category": "C", "melItem": "33-21-02", "limitations": "Placarded."}}
        )
        self.planner.do(COMPLETE, {"id": order})

    def release(self, order: str) -> dict[str, Any]:
        self.stage.step("The certifying engineer releases the aircraft")
        release: dict[str, Any] = self.engineer.do(RELEASE, {"input": {"workOrderId": order}})["release"]
        return release

    def prove(self, release: dict[str, Any]) -> None:
        self.stage.step("A worker makes the PDF and signs it; anybody may check it")
        pdf = self._download(self._document(release["id"]))
        _, number, token = release["verificationPath"].rstrip("/").rsplit("/", 2)
        stranger = Person(self.stage, "Somebody", "without sign-in")
        if stranger.ask(VERIFY, {"number": number, "token": token})["verifyCertificate"] != "GENUINE":
            raise TourError("The certificate is not genuine.")
        answer, page = self.stage.send("GET", f"{self.stage.url}{release['verificationPath']}")
        if answer.status != 200:
            raise TourError(f"The page behind the QR code answers {answer.status}.")
        shown = re.sub(r"\s+", " ", re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", page.decode(), flags=re.DOTALL))
        self.stage.say(f"The page behind the QR code: {shown.strip()[:300]}")
        self._validate(pdf)

    def _document(self, release_id: str) -> str:
        """The id of the PDF, once the worker has made it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = self.engineer.ask(PDF, {"id": release_id}, shown=False)["release"]
            if found["documentId"]:
                self.engineer.ask(PDF, {"id": release_id})
                return str(found["documentId"])
            time.sleep(0.2)
        raise TourError(f"The worker did not make the PDF within {PATIENCE:.0f} s.")

    def _download(self, document_id: str) -> bytes:
        link = self.engineer.do(LINK, {"id": document_id})
        answer, pdf = self.stage.send("GET", link["url"])
        if answer.status != 200 or not pdf.startswith(b"%PDF-"):
            raise TourError(f"The link to the PDF answers {answer.status}.")
        self.stage.say(f"{len(pdf):,} bytes of {answer.getheader('content-type')} came.")
        return pdf

    def _validate(self, pdf: bytes) -> None:
        """By another program, in a process of its own, which trusts the organization's certificate authority."""
        chains = [each["chain"] for each in self.engineer.ask(KEYS, shown=False)["signingKeys"]["nodes"]]
        root = chains[0].strip().rpartition("-----BEGIN CERTIFICATE-----")
        with tempfile.TemporaryDirectory() as folder:
            path, trusted = Path(folder) / "certificate.pdf", Path(folder) / "root.pem"
            path.write_bytes(pdf)
            trusted.write_text("".join(root[1:]))
            program = Path(sys.executable).parent / "pyhanko"
            command = [str(program), "sign", "validate", "--pretty-print", "--trust", str(trusted), "--trust-replace"]
            if not program.exists():
                self.stage.say("pyhanko's command line is not installed, so the signature is not validated here.")
                return
            done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        self.stage.show(done.stdout or done.stderr)
        if "judged VALID" not in done.stdout:
            raise TourError("pyhanko does not find the signature valid; what it said stands above.")
        self.stage.say("pyhanko finds the signature valid.")

"""What is told of operations that ran: metrics of all, and a log line of the slow ones."""

from hashlib import sha256
from typing import Any

from graph.operations import Outcome
from graph.preparing import Known
from runtime import metrics
from runtime.logging import get_logger
from runtime.operation_metrics import LONGEST_NAME

REFUSED = metrics.OPERATIONS.series(None, "unknown")

log = get_logger("opsgraph.operations")


class Observer:
    """One per process."""

    def __init__(self, slow_ms: int) -> None:
        self.slow = slow_ms / 1000

    def failed(self, known: Known | None, outcome: Outcome, seconds: float) -> None:
        """Counts an answer with errors."""
        series = known.series if known is not None else REFUSED
        series.observe(seconds)
        if outcome.started:
            series.errors += 1
        else:
            series.refused += 1

    def tell_slow(self, known: Known, sql: str, variables: dict[str, Any] | None, seconds: float) -> None:
        """Logs what an operation was and what its variables looked like; never a value of them."""
        log.warning(
            "slow operation",
            operation=(known.name or "anonymous")[:LONGEST_NAME],
            kind=known.kind.value,
            seconds=round(seconds, 3),
            document=known.sha256[:16],
            plan=sha256(sql.encode()).hexdigest()[:16] if sql else None,
            variables=shape_of(variables or {}, frozenset(known.shapes)),
        )


def shape_of(variables: dict[str, Any], declared: frozenset[str]) -> dict[str, Any]:
    """The declared variables with each value replaced by its kind and size."""
    return {name: _shape(value) for name, value in variables.items() if name in declared}


def _shape(value: Any, depth: int = 4) -> Any:
    if isinstance(value, str):
        return f"string of {len(value)}"
    if isinstance(value, list):
        return f"list of {len(value)}"
    if isinstance(value, dict):
        # The keys of input objects are names of the schema: an unknown one was refused.
        return {key: _shape(item, depth - 1) for key, item in value.items()} if depth else "object"
    return type(value).__name__.replace("NoneType", "null")

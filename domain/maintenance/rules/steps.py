"""State machines as data: from which states a step leads to which."""

from dataclasses import dataclass

from domain.errors import ErrorCode, refuse


@dataclass(frozen=True)
class Step:
    """`done` completes the sentence "Only one that is … can be …"."""

    done: str
    sources: tuple[str, ...]
    target: str


def take(what: str, status: str, step: Step) -> str:
    """The state after the step; a refusal when it does not lead from `status`. `what` is like "work order"."""
    if status not in step.sources:
        possible = " or ".join(step.sources)
        raise refuse(ErrorCode.NOT_ALLOWED, f"The {what} is {status}; only one that is {possible} can be {step.done}.")
    return step.target

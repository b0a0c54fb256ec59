"""Which limits a task or a directive may have."""

from collections.abc import Mapping

from domain.errors import ErrorCode
from domain.fleet.rules.hours import MOST_CYCLES, MOST_MINUTES, as_hours
from domain.fleet.rules.refusals import Refusals

UNITS = ("minutes", "cycles", "days", "months")
MOST = {"minutes": MOST_MINUTES, "cycles": MOST_CYCLES, "days": 36_500, "months": 1_200}
TOLERATED = ("minutes", "cycles", "days")

Values = Mapping[str, int | None]


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def check_limits(refusals: Refusals, values: Values, kinds: tuple[str, ...], *, least: int = 1) -> None:
    """Limits named `<kind>_<unit>` are at least `least` and not absurd."""
    for kind in kinds:
        for unit in UNITS:
            name = f"{kind}_{unit}"
            value = values.get(name)
            if value is not None and not least <= value <= MOST[unit]:
                most = f"{as_hours(MOST[unit])} hours" if unit == "minutes" else f"{MOST[unit]} {unit}"
                refusals.add(
                    ErrorCode.OUT_OF_RANGE, f"{value} {unit} are not possible: give {least} to {most}.", camel(name)
                )


def check_task(refusals: Refusals, values: Values, *, airworthiness_limitation: bool) -> None:
    """A task is limited by something; tolerances are shorter than what they belong to; and an airworthiness limitation
    takes none, as it may not be exceeded (CS-25.1529, appendix H25.4; 14 CFR 91.403(c))."""
    check_limits(refusals, values, ("interval", "threshold"))
    if all(values.get(f"{kind}_{unit}") is None for kind in ("interval", "threshold") for unit in UNITS):
        text = "Nothing limits this task: give an interval, a threshold, or both, in at least one dimension."
        refusals.add(ErrorCode.REQUIRED, text, "intervalMinutes")
    for unit in TOLERATED:
        tolerance = values.get(f"tolerance_{unit}") or 0
        path = camel(f"tolerance_{unit}")
        if tolerance < 0:
            refusals.add(ErrorCode.OUT_OF_RANGE, "A tolerance is not negative.", path)
        elif tolerance and airworthiness_limitation:
            text = "Airworthiness limitations take no tolerance: leave it out, or say that this is none."
            refusals.add(ErrorCode.NOT_ALLOWED, text, path)
        elif tolerance:
            _check_tolerance(refusals, values, unit, tolerance, path)


def _check_tolerance(refusals: Refusals, values: Values, unit: str, tolerance: int, path: str) -> None:
    units = ("days", "months") if unit == "days" else (unit,)
    lengths = [
        # No month has fewer days.
        value * 28 if each == "months" else value
        for kind in ("interval", "threshold")
        for each in units
        if (value := values.get(f"{kind}_{each}")) is not None
    ]
    if not lengths:
        what = "calendar time" if unit == "days" else unit
        refusals.add(ErrorCode.INVALID, f"Nothing limits this task in {what}: leave its tolerance out.", path)
    elif tolerance >= min(lengths):
        refusals.add(ErrorCode.OUT_OF_RANGE, "A tolerance is shorter than the interval it belongs to.", path)

"""What an import found and did, for people and for programs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# (what is being done, how much is done, how much there is)
Progress = Callable[[str, int, int], None]


def silent(_step: str, _done: int, _total: int) -> None:
    """A progress that nobody watches."""


@dataclass(frozen=True, order=True)
class RowNumber:
    """A row as a spreadsheet numbers it; `line` is where it begins in the text when that is another number."""

    number: int
    line: int | None = None

    def __str__(self) -> str:
        return f"row {self.number}" + (f" (line {self.line})" if self.line not in (None, self.number) else "")


@dataclass(frozen=True)
class Problem:
    """Why a cell, a row (no column) or the file (no row) cannot be imported, and what to do about it."""

    row: RowNumber | None
    column: str
    value: str
    message: str

    def __str__(self) -> str:
        where = str(self.row).capitalize() if self.row else "File"
        if self.column:
            where += f", column '{self.column}'"
        return f"{where}: {self.message}"


@dataclass
class Report:
    """Counts are of what was done, or would be in a dry run; they are zero when there are problems."""

    file: str
    dry_run: bool
    rows: int = 0
    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: int = 0
    types_created: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    # What was taken to be so because the file does not say; of no interest when nothing is imported.
    assumptions: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def bad_rows(self) -> int:
        return len({problem.row for problem in self.problems if problem.row})

    def forget_changes(self) -> None:
        """Nothing of it will be done."""
        self.created, self.updated, self.types_created, self.assumptions = [], [], [], []
        self.unchanged = 0

    def text(self) -> str:
        """The report as the command prints it."""
        lines = [str(problem) for problem in self.problems]
        lines += [f"Note: {notice}" for notice in [*self.notices, *self.assumptions]]
        if self.problems:
            found = _count(len(self.problems), "problem")
            where = f" in {_count(self.bad_rows, 'row')} of {self.rows}" if self.bad_rows else ""
            lines.append(f"{self.file}: {found}{where}. Nothing was imported; mend the file and repeat.")
            return "\n".join(lines)
        if not (self.created or self.updated or self.types_created):
            lines.append(f"{self.file}: {_count(self.rows, 'row')}, all as in the fleet already. Nothing to do.")
            return "\n".join(lines)
        done = "would be" if self.dry_run else "were"
        lines.append(
            f"{self.file}: {_count(self.rows, 'row')}. {len(self.created)} aircraft {done} created,"
            f" {len(self.updated)} updated; {self.unchanged} are as they were."
        )
        if self.types_created:
            lines.append(f"New aircraft types: {', '.join(self.types_created)}.")
        if self.dry_run:
            lines.append("This was a dry run: nothing was changed.")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "dryRun": self.dry_run,
            "ok": self.ok,
            "rows": self.rows,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "typesCreated": self.types_created,
            "problems": [
                {
                    "row": problem.row.number if problem.row else None,
                    "line": problem.row.line if problem.row else None,
                    "column": problem.column,
                    "value": problem.value,
                    "message": problem.message,
                }
                for problem in self.problems
            ],
            "notices": [*self.notices, *self.assumptions],
        }


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")

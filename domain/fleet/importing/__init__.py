"""Import of a fleet from a CSV or XLSX file: every bad row named, all or nothing, repeatable."""

from pathlib import Path
from typing import BinaryIO

from sqlalchemy.exc import IntegrityError

from db.session import Database
from domain.context import Ctx
from domain.errors import ConflictError
from domain.fleet.importing import reading
from domain.fleet.importing.applying import apply
from domain.fleet.importing.columns import recognize
from domain.fleet.importing.planning import plan
from domain.fleet.importing.report import Problem, Progress, Report, silent
from domain.fleet.importing.rows import parse_rows
from domain.fleet.rules.dates import DateOrder
from domain.fleet.support import today
from domain.identity.tenancy import Authenticator
from domain.permissions import Permission
from runtime.settings import Settings

__all__ = ["DateOrder", "Problem", "Progress", "Report", "import_aircraft", "run"]


async def run(
    settings: Settings,
    path: Path,
    slug: str,
    dry_run: bool = False,
    progress: Progress = silent,
    *,
    date_order: DateOrder | None = None,
) -> Report:
    """Import the file at `path` into the organization `slug`, as the operator at the command line.

    The report says what was, or with `dry_run` would be, done; it holds problems when nothing was. NotFoundError
    without such an organization; ConflictError when somebody added the same aircraft meanwhile; OSError when the
    file cannot be opened.
    """
    with path.open("rb") as file:
        content = _bounded(file)
    db = Database(settings, pooled=False)
    try:
        actor = await Authenticator(db, settings).for_cli(slug)
        async with db.tenant(actor.org_id, actor.user_id) as session:
            context = Ctx(actor, session)
            return await import_aircraft(
                context, content, path.name, dry_run=dry_run, progress=progress, date_order=date_order
            )
    finally:
        await db.close()


async def import_aircraft(
    ctx: Ctx,
    content: bytes,
    name: str,
    *,
    dry_run: bool = False,
    progress: Progress = silent,
    date_order: DateOrder | None = None,
) -> Report:
    """As `run`, in an open transaction. It writes only when no row has a problem and it is no dry run."""
    ctx.check(Permission.FLEET_MANAGE)
    report = Report(file=name, dry_run=dry_run)
    try:
        grid = reading.read(content)
    except reading.UnreadableError as error:
        report.problems.append(Problem(None, "", "", str(error)))
        return report
    table = recognize(grid, report)
    if table is None:
        return report
    local_date = await today(ctx)
    rows = parse_rows(table, report, progress, today=local_date, date_order=date_order)
    planned = await plan(ctx, rows, report, lock=not dry_run)
    report.problems.sort(key=lambda problem: problem.row.number if problem.row else 0)
    if report.problems:
        report.forget_changes()
    elif not dry_run:
        try:
            await apply(ctx, planned, progress, today=local_date)
        except IntegrityError as error:
            raise ConflictError("Somebody changed the fleet during the import; nothing was done, repeat it.") from error
    return report


def _bounded(file: BinaryIO) -> bytes:
    return file.read(reading.MOST_BYTES + 1)

"""The tasks of maintenance programmes in the graph."""

from typing import Annotated, Any
from uuid import UUID

import strawberry

from db.maintenance.programme import ProgrammeTask as ProgrammeTaskRow
from db.maintenance.programme import Rebasing
from domain.context import Ctx
from domain.maintenance.programme import tasks
from domain.permissions import Permission
from graph.compiler.projection import column, projection, to_many, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.inputs import EXPECTED_VERSION, Version, VersionIfKnown, given
from graph.core.mutations import mutation
from graph.events.changed import changed

describe(
    Rebasing,
    "What the next interval of a task counts from.",
    {
        "FROM_ACCOMPLISHMENT": "From when the task was done.",
        "FROM_DUE_WHEN_IN_WINDOW": "From when it was due, if it was done no further from it than the tolerance, early"
        " or late; from when it was done otherwise. Each dimension for itself.",
    },
)


@projection(ProgrammeTaskRow, prefix="mt", requires=Permission.MAINTENANCE_READ, default_order=("code",), logged=True)
class ProgrammeTask:
    """A task of a maintenance programme. It is limited in flight time, flight cycles and calendar time, any of them,
    whichever comes first."""

    programme = to_one("Programme", "The programme it belongs to.", via="programme_id")
    programme_id = column("The id of the programme, for filters.", id_prefix="mp", filter=True)
    code = column("Its number in the programme, as in `32-11-00-01`.", filter=True, order=True, search=True)
    title = column("What is done, in short.", filter=True, order=True, search=True)
    description = column("How it is done; null when not stated.")
    part_number = column(
        "It is done to every installed component of this part number, and counts from the component's own life. Null"
        " for a task on the aircraft itself.",
        filter=True,
        order=True,
    )
    interval_minutes = column("Flight time until it is due again, in minutes; null does not limit.")
    interval_cycles = column("Flight cycles until it is due again; null does not limit.")
    interval_days = column("Days until it is due again; null does not limit.")
    interval_months = column(
        "Calendar months until it is due again, a month that is too short ending at its last day; null does not limit."
    )
    threshold_minutes = column(
        "Flight time since new at which it is due for the first time, in minutes. Where there is any threshold, the"
        " intervals count from the second time on; where there is none, they count from new."
    )
    threshold_cycles = column("Flight cycles since new at which it is due for the first time; null does not limit.")
    threshold_days = column("Days since manufacture at which it is due for the first time; null does not limit.")
    threshold_months = column(
        "Calendar months since manufacture at which it is due for the first time; null does not limit."
    )
    tolerance_minutes = column("How much flight time the limit may be missed by, in minutes.")
    tolerance_cycles = column("How many flight cycles the limit may be missed by.")
    tolerance_days = column("How many days the limit may be missed by.")
    rebasing = column("What the next interval counts from.", enum=Rebasing)
    airworthiness_limitation = column(
        "Whether it is an airworthiness limitation, which takes no tolerance.", filter=True, order=True
    )
    required_inspection = column(
        "Whether what is done needs an inspection by somebody else (a required inspection item)."
    )
    withdrawn_on = column(
        "The day it was withdrawn: it is due no more. Null while it is in force.", filter=True, order=True
    )
    accomplishments = to_many("Accomplishment", "When it was done.", via="task_id")
    due_items = to_many("DueItem", "On which aircraft and components it is due.", via="task_id")
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was added.", filter=True, order=True)
    updated_at = column("When it was last changed.")


task = one("programmeTask", ProgrammeTask, "A programme task by id.")
task_list = many("programmeTasks", ProgrammeTask, "The tasks of the organization's programmes.")
task_aggregate = aggregate("programmeTaskAggregate", ProgrammeTask, "Counts of tasks, by programme, part or kind.")

CODE = "Its number; 1 to 50 characters, unique in the programme."
TITLE = "What is done, in short; 1 to 200 characters."
DESCRIPTION = "How it is done; at most 10,000 characters, lines are kept."
PART_NUMBER = "For a task on components: their part number."
REBASING = "What the next interval counts from; FROM_ACCOMPLISHMENT unless given."
LIMITATION = "Whether it is an airworthiness limitation, which takes no tolerance; false unless given."
INSPECTION = "Whether what is done needs an inspection by somebody else; false unless given."


@strawberry.input(description="How far a task reaches: null or absent does not limit; at least one is given.")
class TaskLimits:
    interval_minutes: int | None = strawberry.field(
        default=strawberry.UNSET, description="Flight time until it is due again, in minutes."
    )
    interval_cycles: int | None = strawberry.field(
        default=strawberry.UNSET, description="Flight cycles until it is due again."
    )
    interval_days: int | None = strawberry.field(default=strawberry.UNSET, description="Days until it is due again.")
    interval_months: int | None = strawberry.field(
        default=strawberry.UNSET, description="Calendar months until it is due again."
    )
    threshold_minutes: int | None = strawberry.field(
        default=strawberry.UNSET, description="Flight time since new until the first time, in minutes."
    )
    threshold_cycles: int | None = strawberry.field(
        default=strawberry.UNSET, description="Flight cycles since new until the first time."
    )
    threshold_days: int | None = strawberry.field(
        default=strawberry.UNSET, description="Days since manufacture until the first time."
    )
    threshold_months: int | None = strawberry.field(
        default=strawberry.UNSET, description="Calendar months since manufacture until the first time."
    )
    tolerance_minutes: int | None = strawberry.field(
        default=strawberry.UNSET, description="How much flight time the limit may be missed by, in minutes."
    )
    tolerance_cycles: int | None = strawberry.field(
        default=strawberry.UNSET, description="How many flight cycles the limit may be missed by."
    )
    tolerance_days: int | None = strawberry.field(
        default=strawberry.UNSET, description="How many days the limit may be missed by."
    )


@strawberry.input(description="A new task of a programme. It needs an interval, or a threshold, or both.")
class CreateProgrammeTaskInput(TaskLimits):
    programme_id: strawberry.ID = strawberry.field(description="The programme, `mp_…`.")
    code: str = strawberry.field(description=CODE)
    title: str = strawberry.field(description=TITLE)
    description: str | None = strawberry.field(default=strawberry.UNSET, description=DESCRIPTION)
    part_number: str | None = strawberry.field(default=strawberry.UNSET, description=PART_NUMBER)
    rebasing: Rebasing | None = strawberry.field(default=strawberry.UNSET, description=REBASING)
    airworthiness_limitation: bool | None = strawberry.field(default=strawberry.UNSET, description=LIMITATION)
    required_inspection: bool | None = strawberry.field(default=strawberry.UNSET, description=INSPECTION)


@strawberry.input(description="What to change of a task. What is absent stays; null clears what may be null.")
class UpdateProgrammeTaskInput(TaskLimits):
    id: strawberry.ID = strawberry.field(description="The task, `mt_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    code: str | None = strawberry.field(default=strawberry.UNSET, description=CODE)
    title: str | None = strawberry.field(default=strawberry.UNSET, description=TITLE)
    description: str | None = strawberry.field(default=strawberry.UNSET, description=DESCRIPTION)
    rebasing: Rebasing | None = strawberry.field(default=strawberry.UNSET, description=REBASING)
    airworthiness_limitation: bool | None = strawberry.field(default=strawberry.UNSET, description=LIMITATION)
    required_inspection: bool | None = strawberry.field(default=strawberry.UNSET, description=INSPECTION)


NEVER_NULL = ("rebasing", "airworthiness_limitation", "required_inspection")


@mutation(requires=Permission.PROGRAMME_MANAGE, entity=("programmeTask", ProgrammeTask))
async def create_programme_task(ctx: Ctx, input: CreateProgrammeTaskInput) -> UUID:
    """Add a task to a programme. It is due at once on the aircraft that follow the programme, counted from new."""
    return await tasks.create(ctx, **given(input, never_null=NEVER_NULL, prefixes={"programme_id": "mp"}))


@mutation(requires=Permission.PROGRAMME_MANAGE, entity=("programmeTask", ProgrammeTask))
async def update_programme_task(ctx: Ctx, input: UpdateProgrammeTaskInput) -> UUID:
    """Change a task. New limits hold at once, counted from what was done last. What it is done to stays: for other
    components, or the aircraft itself, withdraw it and add another."""
    values = given(input, but=("id", "expected_version"), never_null=NEVER_NULL)
    return await tasks.update(ctx, ids.decode("mt", input.id), expected_version=input.expected_version, changes=values)


TaskId = Annotated[strawberry.ID, strawberry.argument(description="The task, `mt_…`.")]
Withdrawn = Annotated[
    bool, strawberry.argument(description="True withdraws it as of today; false puts it in force again.")
]


@mutation(requires=Permission.PROGRAMME_MANAGE, entity=("programmeTask", ProgrammeTask))
async def withdraw_programme_task(
    ctx: Ctx, id: TaskId, withdrawn: Withdrawn = True, expected_version: VersionIfKnown = None
) -> UUID:
    """Withdraw a task, so that it is due no more, or put it in force again. What was done stays."""
    return await tasks.withdraw(ctx, ids.decode("mt", id), withdrawn=withdrawn, expected_version=expected_version)


@mutation(
    requires=Permission.PROGRAMME_MANAGE,
    payload={"deletedId": (strawberry.ID | None, "The task that is gone; null when there are errors.")},
)
async def delete_programme_task(ctx: Ctx, id: TaskId, expected_version: Version) -> dict[str, Any]:
    """Delete a task that was never done; otherwise the error is IN_USE, and `withdrawProgrammeTask` is the way."""
    deleted = await tasks.delete(ctx, ids.decode("mt", id), expected_version=expected_version)
    return {"deletedId": ids.encode("mt", deleted)}


QUERIES = [task, task_list, task_aggregate]
MUTATIONS = [create_programme_task, update_programme_task, withdraw_programme_task, delete_programme_task]
SUBSCRIPTIONS = [changed(ProgrammeTask)]

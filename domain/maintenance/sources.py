"""What task cards are made from: a task of the programme, a directive or a defect. A card takes its words from there,
and when it is closed, that is done with it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from db.fleet.components import Component, Installation
from db.maintenance.defects import Defect
from db.maintenance.directives import Directive, DirectiveState, DirectiveStatus
from db.maintenance.programme import AircraftProgramme, ProgrammeTask
from db.maintenance.task_cards import SignOff, TaskCard
from domain.context import Ctx
from domain.errors import ErrorCode
from domain.fleet.readings import totals_on
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import find
from domain.maintenance import defects, directives, programme
from domain.maintenance.rules import defects as defect_rules
from domain.maintenance.rules.steps import take

LONGEST_TITLE, LONGEST_METHOD = 300, 1_000
PATH = "source"


@dataclass(frozen=True)
class Source:
    """Exactly one of task, directive and defect; the component only with a task that is due on it."""

    task_id: UUID | None = None
    component_id: UUID | None = None
    directive_id: UUID | None = None
    defect_id: UUID | None = None

    def columns(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Described:
    """What a card takes from its source when planning says nothing else."""

    title: str | None = None
    reference: str | None = None
    instructions: str | None = None
    inspection_required: bool = False


NOTHING = Described()


async def described(ctx: Ctx, refusals: Refusals, source: Source, aircraft_id: UUID) -> Described:
    """The words of the source; refusals when it is not this aircraft's, or has no more to be done."""
    named = [name for name in ("task_id", "directive_id", "defect_id") if getattr(source, name) is not None]
    if len(named) != 1:
        refusals.add(ErrorCode.INVALID, "Name one source: a task, a directive or a defect.", PATH)
        return NOTHING
    if source.component_id is not None and source.task_id is None:
        refusals.add(ErrorCode.INVALID, "A component goes with a task that is due on it.", PATH, "componentId")
    if source.task_id is not None:
        return await _task(ctx, refusals, source, aircraft_id)
    if source.directive_id is not None:
        return await _directive(ctx, refusals, source.directive_id, aircraft_id)
    assert source.defect_id is not None
    return await _defect(ctx, refusals, source.defect_id, aircraft_id)


async def check_inspection(ctx: Ctx, refusals: Refusals, card: TaskCard) -> None:
    """A card cannot do without the inspection that the programme requires."""
    assert card.task_id is not None
    task = await find(ctx, ProgrammeTask, card.task_id)
    if task is not None and task.required_inspection:
        message = "The programme requires an inspection of this task; a card cannot do without it."
        refusals.add(ErrorCode.NOT_ALLOWED, message, "inspectionRequired")


async def finish(ctx: Ctx, card: TaskCard, performance: SignOff) -> None:
    """The card is closed: record that its source is done, as of the signature for the work."""
    # Flights are recorded and corrected later than flown: the log may have moved the readings of that day since.
    day = await totals_on(ctx, card.aircraft_id, performance.signed_on)
    at: dict[str, Any] = {
        "on": performance.signed_on,
        "minutes": min(max(performance.total_minutes, day.before.minutes), day.after.minutes),
        "cycles": min(max(performance.total_cycles, day.before.cycles), day.after.cycles),
        "task_card_id": card.id,
    }
    if card.task_id is not None:
        await programme.accomplish(
            ctx, aircraft_id=card.aircraft_id, task_id=card.task_id, component_id=card.component_id, **at
        )
    elif card.directive_id is not None:
        method = (performance.note or card.title)[:LONGEST_METHOD]
        await directives.comply(ctx, aircraft_id=card.aircraft_id, directive_id=card.directive_id, method=method, **at)
    elif card.defect_id is not None:
        await defects.rectify(ctx, card.defect_id, performance.signed_on, card.id)


async def _task(ctx: Ctx, refusals: Refusals, source: Source, aircraft_id: UUID) -> Described:
    task = await find(ctx, ProgrammeTask, source.task_id) if source.task_id else None
    followed = task and await ctx.session.scalar(
        select(AircraftProgramme.id).where(
            AircraftProgramme.org_id == ctx.actor.org_id,
            AircraftProgramme.aircraft_id == aircraft_id,
            AircraftProgramme.programme_id == task.programme_id,
        )
    )
    if task is None or followed is None or task.withdrawn_on is not None:
        message = "There is no task with this id in a programme that the aircraft follows."
        refusals.add(ErrorCode.NOT_FOUND, message, PATH, "taskId")
        return NOTHING
    component = await _component(ctx, refusals, source, task, aircraft_id)
    on = f" ({component.part_number} S/N {component.serial_number})" if component else ""
    return Described(
        f"{task.code} {task.title}{on}"[:LONGEST_TITLE], task.code, task.description, task.required_inspection
    )


async def _component(
    ctx: Ctx, refusals: Refusals, source: Source, task: ProgrammeTask, aircraft_id: UUID
) -> Component | None:
    """The component that the task is done to; None for a task of the aircraft."""
    path = (PATH, "componentId")
    if task.part_number is None:
        if source.component_id is not None:
            refusals.add(ErrorCode.INVALID, "This task is the aircraft's, not a component's; name none.", *path)
        return None
    if source.component_id is None:
        refusals.add(ErrorCode.REQUIRED, f"This task is done to a component {task.part_number}: say which.", *path)
        return None
    found = await ctx.session.scalar(
        select(Component)
        .join(Installation, (Installation.org_id == Component.org_id) & (Installation.component_id == Component.id))
        .where(
            Component.org_id == ctx.actor.org_id,
            Component.id == source.component_id,
            Component.part_number == task.part_number,
            Installation.aircraft_id == aircraft_id,
            Installation.removed_on.is_(None),
        )
    )
    if found is None:
        message = f"There is no component {task.part_number} with this id on the aircraft."
        refusals.add(ErrorCode.NOT_FOUND, message, *path)
    return found


async def _directive(ctx: Ctx, refusals: Refusals, directive_id: UUID, aircraft_id: UUID) -> Described:
    directive = await find(ctx, Directive, directive_id)
    status = await ctx.session.scalar(
        select(DirectiveState.status).where(
            DirectiveState.org_id == ctx.actor.org_id,
            DirectiveState.directive_id == directive_id,
            DirectiveState.aircraft_id == aircraft_id,
        )
    )
    path = (PATH, "directiveId")
    if directive is None or status is None:
        refusals.add(ErrorCode.NOT_FOUND, "There is no directive with this id for the aircraft.", *path)
        return NOTHING
    # One that is complied with may be repeated before it is due again.
    if status in (DirectiveStatus.NOT_APPLICABLE, DirectiveStatus.SUPERSEDED):
        refusals.add(ErrorCode.NOT_ALLOWED, f"The directive is {status} on the aircraft: nothing is to be done.", *path)
    number = " ".join(filter(None, (directive.number, directive.revision)))
    title = f"{directive.kind} {number} {directive.title}"
    return Described(title[:LONGEST_TITLE], f"{directive.kind} {number}", directive.method)


async def _defect(ctx: Ctx, refusals: Refusals, defect_id: UUID, aircraft_id: UUID) -> Described:
    defect = await find(ctx, Defect, defect_id)
    if defect is None or defect.aircraft_id != aircraft_id:
        refusals.add(ErrorCode.NOT_FOUND, "There is no defect with this id on the aircraft.", PATH, "defectId")
        return NOTHING
    refusals.take(lambda status: take("defect", status, defect_rules.RECTIFY), defect.status, PATH, "defectId")
    first = defect.description.splitlines()[0]
    return Described(f"Defect {defect.number}: {first}"[:LONGEST_TITLE], defect.ata_chapter, defect.description)

"""What a certificate states, read under the locks of the command that issues it."""

from uuid import UUID

from sqlalchemy import func, select

from db.fleet.aircraft import Aircraft
from db.fleet.aircraft_types import AircraftType
from db.fleet.components import Component, Installation
from db.identity.users import User
from db.maintenance.defects import Defect, Deferral
from db.maintenance.task_cards import SignOff, SignOffKind, TaskCard, TaskCardStatus
from db.workforce.authorisations import Authorisation
from db.workforce.licences import Licence
from domain.context import Ctx
from domain.fleet.rules.hours import as_hours
from domain.maintenance.rules.certificates import Airframe, Deferred, DoneWork, Part, Signatory


async def airframe(ctx: Ctx, aircraft: Aircraft) -> Airframe:
    kind = (
        await ctx.session.execute(
            select(AircraftType.manufacturer, AircraftType.model).where(
                AircraftType.org_id == aircraft.org_id, AircraftType.id == aircraft.type_id
            )
        )
    ).one()
    return Airframe(
        registration=aircraft.registration,
        manufacturer=kind.manufacturer,
        model=kind.model,
        serial_number=aircraft.serial_number,
        minutes=aircraft.total_minutes,
        cycles=aircraft.total_cycles,
    )


async def work(ctx: Ctx, work_order_id: UUID) -> list[DoneWork]:
    """The closed cards of a work order, in their order."""
    signed = (
        select(func.max(SignOff.signed_on))
        .where(SignOff.org_id == TaskCard.org_id, SignOff.task_card_id == TaskCard.id)
        .scalar_subquery()
    )
    left = (
        select(SignOff.note)
        .where(
            SignOff.org_id == TaskCard.org_id,
            SignOff.task_card_id == TaskCard.id,
            SignOff.kind == SignOffKind.CLOSURE,
            TaskCard.incomplete,
        )
        .scalar_subquery()
    )
    rows = await ctx.session.execute(
        select(TaskCard.number, TaskCard.title, TaskCard.reference, signed.label("done_on"), left.label("left"))
        .where(
            TaskCard.org_id == ctx.actor.org_id,
            TaskCard.work_order_id == work_order_id,
            TaskCard.status == TaskCardStatus.CLOSED,
        )
        .order_by(TaskCard.number)
    )
    return [DoneWork(row.number, row.title, row.reference, row.done_on, row.left) for row in rows]


async def deferred(ctx: Ctx, aircraft_id: UUID) -> list[Deferred]:
    """The defects with which the aircraft is released (145.A.50(e))."""
    rows = await ctx.session.execute(
        select(Defect.number, Defect.description, Deferral)
        .join(Deferral, (Deferral.org_id == Defect.org_id) & (Deferral.defect_id == Defect.id))
        .where(Deferral.org_id == ctx.actor.org_id, Deferral.aircraft_id == aircraft_id, Deferral.ended_on.is_(None))
        .order_by(Defect.number)
    )
    return [
        Deferred(number, description, deferral.category, deferral.mel_item, _limit(deferral))
        for number, description, deferral in rows
    ]


def _limit(deferral: Deferral) -> str:
    limits = (
        str(deferral.due_on) if deferral.due_on else None,
        f"{as_hours(deferral.due_minutes)} h" if deferral.due_minutes is not None else None,
        f"{deferral.due_cycles} cycles" if deferral.due_cycles is not None else None,
    )
    return ", ".join(filter(None, limits))


async def signatory(ctx: Ctx, user_id: UUID, authorisation_id: UUID) -> Signatory:
    row = (
        await ctx.session.execute(
            select(User.name, Authorisation.number.label("authorisation"), Licence.number.label("licence"))
            .select_from(Authorisation)
            .join(User, User.id == user_id)
            .outerjoin(Licence, (Licence.org_id == Authorisation.org_id) & (Licence.id == Authorisation.licence_id))
            .where(Authorisation.org_id == ctx.actor.org_id, Authorisation.id == authorisation_id)
        )
    ).one()
    return Signatory(user_id, row.name, row.authorisation, row.licence)


async def part(ctx: Ctx, component: Component) -> Part:
    """A component with the life that it has now: where it is, or when it came off."""
    minutes, cycles = await _life(ctx, component)
    overhauled = component.overhaul_minutes is not None and component.overhaul_cycles is not None
    return Part(
        description=component.description,
        part_number=component.part_number,
        serial_number=component.serial_number,
        minutes=minutes,
        cycles=cycles,
        minutes_since_overhaul=minutes - (component.overhaul_minutes or 0) if overhauled else None,
        cycles_since_overhaul=cycles - (component.overhaul_cycles or 0) if overhauled else None,
    )


async def _life(ctx: Ctx, component: Component) -> tuple[int, int]:
    row = (
        await ctx.session.execute(
            select(Installation, Aircraft.total_minutes, Aircraft.total_cycles)
            .join(Aircraft, (Aircraft.org_id == Installation.org_id) & (Aircraft.id == Installation.aircraft_id))
            .where(Installation.org_id == component.org_id, Installation.component_id == component.id)
            .order_by(Installation.number.desc())
            .limit(1)
        )
    ).one_or_none()
    if row is None:
        return component.opening_minutes, component.opening_cycles
    last, minutes, cycles = row
    if last.removed_component_minutes is not None and last.removed_component_cycles is not None:
        return last.removed_component_minutes, last.removed_component_cycles
    return (
        last.component_minutes + minutes - last.aircraft_minutes,
        last.component_cycles + cycles - last.aircraft_cycles,
    )

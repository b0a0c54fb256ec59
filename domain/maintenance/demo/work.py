"""Work of the demo: orders in every state, defects, deferrals, and a certificate."""

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from db.fleet.aircraft import Aircraft, AircraftStatus
from db.fleet.aircraft_types import AircraftType
from db.maintenance.defects import MelCategory
from db.maintenance.programme import AircraftProgramme, ProgrammeTask
from db.maintenance.releases import CertificateForm
from domain.context import Ctx
from domain.fleet.support import today
from domain.maintenance import defects, number_series, releases, sign_offs, task_cards, work_orders
from domain.maintenance.releases import Texts
from domain.maintenance.sources import Source

SERIES = ((CertificateForm.CRS, "SKY-CRS-"), (CertificateForm.EASA_FORM_1, "SKY-F1-"))


@dataclass(frozen=True)
class Deferral:
    """A defect that was deferred some days ago, on the n-th aircraft of a type."""

    designator: str
    number: int
    days_ago: int
    description: str
    chapter: str
    category: MelCategory
    item: str
    limitations: str | None = None


DEFERRALS = (
    Deferral(
        "A320", 3, 6, "Lavatory D: flushing motor inoperative", "38-31", MelCategory.C, "38-31-01", "Placard the door."
    ),
    # Three days after its discovery it had to be rectified: the aircraft is grounded.
    Deferral("A320", 4, 8, "Pack 2 trips at high power settings", "21-52", MelCategory.B, "21-52-01"),
    Deferral("B738", 3, 2, "Logo light on the right side inoperative", "33-43", MelCategory.D, "33-43-02"),
    Deferral("C208", 1, 1, "Weather radar shows no returns", "34-41", MelCategory.C, "34-41-01", "Day VMC only."),
)


async def load(planner: Ctx, people: dict[str, UUID]) -> None:
    """Everything that a person signs is signed in their name, by an authorisation that is effective."""
    made = _Work(planner, people)
    await made.set_up()
    await made.defer()
    await made.in_progress()
    await made.awaiting_release()
    await made.released()
    await made.planned()


class _Work:
    def __init__(self, planner: Ctx, people: dict[str, UUID]) -> None:
        self.planner, self.people = planner, people
        self.engineer, self.technician = self.as_("engineer"), self.as_("technician")

    def as_(self, name: str, days_ago: int = 0) -> Ctx:
        """The commands' surroundings for one of the staff, some days ago."""
        actor = replace(self.planner.actor, user_id=self.people[name])
        return Ctx(actor, self.planner.session, self.planner.now - timedelta(days=days_ago))

    async def set_up(self) -> None:
        for form, prefix in SERIES:
            await number_series.set_up(
                self.as_("owner"),
                form=form,
                prefix=prefix,
                digits=5,
                organization_name="Skyline Maintenance, Lda.",
                address="Hangar 2, Aeroporto Humberto Delgado, 1700-008 Lisboa, Portugal",
                authority="ANAC Portugal",
                approval_reference="PT.145.0042",
            )

    async def aircraft(self, designator: str, number: int) -> UUID:
        """The n-th aircraft of a type that is in service."""
        found = await self.planner.session.scalars(
            select(Aircraft.id)
            .join(AircraftType, (AircraftType.org_id == Aircraft.org_id) & (AircraftType.id == Aircraft.type_id))
            .where(AircraftType.icao_designator == designator, Aircraft.status == AircraftStatus.ACTIVE)
            .order_by(Aircraft.registration)
        )
        return found.all()[number]

    async def source(self, aircraft_id: UUID, code: str) -> Source:
        """A task of the programme that the aircraft follows."""
        found = await self.planner.session.scalars(
            select(ProgrammeTask.id)
            .join(
                AircraftProgramme,
                (AircraftProgramme.org_id == ProgrammeTask.org_id)
                & (AircraftProgramme.programme_id == ProgrammeTask.programme_id),
            )
            .where(AircraftProgramme.aircraft_id == aircraft_id, ProgrammeTask.code == code)
        )
        return Source(task_id=found.one())

    async def order(self, aircraft_id: UUID, title: str, in_days: int = 0) -> UUID:
        day = await today(self.planner) + timedelta(days=in_days)
        return await work_orders.create(
            self.planner,
            aircraft_id=aircraft_id,
            title=title,
            planned_start_on=day,
            planned_end_on=day + timedelta(days=2),
        )

    async def done(self, card_id: UUID, note: str, *, closed: bool = True) -> None:
        await task_cards.start(self.technician, card_id)
        await sign_offs.perform(self.technician, card_id, note=note)
        if closed:
            await sign_offs.close(self.engineer, card_id)

    async def defer(self) -> None:
        for each in DEFERRALS:
            then = self.as_("engineer", each.days_ago)
            defect = await defects.report(
                self.as_("technician", each.days_ago),
                aircraft_id=await self.aircraft(each.designator, each.number),
                description=each.description,
                ata_chapter=each.chapter,
            )
            await defects.defer(then, defect, category=each.category, mel_item=each.item, limitations=each.limitations)

    async def in_progress(self) -> None:
        """An A check: one card is closed, one waits for its inspection, one is open, and a defect was found."""
        aircraft_id = await self.aircraft("A320", 1)
        order = await self.order(aircraft_id, "A check with flap track inspection")
        cards = [
            await task_cards.add(self.planner, work_order_id=order, source=await self.source(aircraft_id, code))
            for code in ("05-20-A", "27-51-03", "12-10-W")
        ]
        await work_orders.open_for_work(self.planner, order)
        await self.done(cards[2], "Weekly check carried out to AMM 12-10.")
        await self.done(cards[1], "Tracks inspected; wear at track 3 is 0.4 mm, within limits.", closed=False)
        await defects.report(
            self.technician,
            aircraft_id=aircraft_id,
            description="Hydraulic seepage at the left flap actuator, two drops a minute.",
            ata_chapter="29-11",
            task_card_id=cards[1],
        )

    async def awaiting_release(self) -> None:
        aircraft_id = await self.aircraft("B738", 1)
        order = await self.order(aircraft_id, "Weekly check")
        card = await task_cards.add(self.planner, work_order_id=order, source=await self.source(aircraft_id, "12-10-W"))
        await work_orders.open_for_work(self.planner, order)
        await self.done(card, "Weekly check carried out to AMM 12-10; tyre 3 changed for wear.")
        await work_orders.complete(self.planner, order)

    async def released(self) -> None:
        aircraft_id = await self.aircraft("DH8D", 1)
        order = await self.order(aircraft_id, "Portable extinguishers and weekly check")
        for code in ("26-24-01", "12-10-W"):
            card = await task_cards.add(self.planner, work_order_id=order, source=await self.source(aircraft_id, code))
            if code == "26-24-01":
                await work_orders.open_for_work(self.planner, order)
            await self.done(card, "Carried out to the maintenance manual; nothing found.")
        await work_orders.complete(self.planner, order)
        await releases.release_aircraft(self.engineer, work_order_id=order, said=Texts())
        await work_orders.close(self.planner, order)

    async def planned(self) -> None:
        aircraft_id = await self.aircraft("AT76", 1)
        order = await self.order(aircraft_id, "C check, hangar 2", in_days=12)
        for code in ("05-20-C", "34-11-01"):
            await task_cards.add(self.planner, work_order_id=order, source=await self.source(aircraft_id, code))

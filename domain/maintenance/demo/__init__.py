"""The maintenance of the demo's fleet: programmes, directives, what was done, and what is being done."""

import random
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select

from db.fleet.aircraft import Aircraft, AircraftStatus
from db.fleet.aircraft_types import AircraftType
from db.fleet.components import Component, Installation
from db.identity.organizations import Organization, OrganizationKind
from db.identity.users import User
from db.maintenance.directives import DirectiveKind
from db.maintenance.programme import Programme
from db.session import Database
from db.workforce.authorisations import Authorisation
from domain.context import Actor, Ctx
from domain.fleet.components_demo import BATTERY
from domain.fleet.support import today
from domain.maintenance import directives, programme
from domain.maintenance.demo import work
from domain.maintenance.demo.programmes import DIRECTIVES, TASKS, Task
from domain.maintenance.directives import Range
from domain.maintenance.programme import programmes, tasks

LOGGED_DAYS = 700  # the utilisation log goes back further than anything was done
SOON_AGAIN = 100 * 60  # minutes; what is due so often was done within the last two months
# What was not done in time, on every fourth aircraft one of these.
LATE = ("26-24-01", "05-20-A", "24-30-01")


async def load(db: Database, actor: Actor) -> None:
    """Fill a maintenance organization that has staff and no programme; otherwise do nothing. One transaction."""
    async with db.tenant(actor.org_id, actor.user_id) as session:
        # Two loads at once would each see no programme: the second waits here.
        kind = await session.scalar(
            select(Organization.kind).where(Organization.id == actor.org_id).with_for_update(key_share=True)
        )
        staffed = await session.scalar(select(Authorisation.id).limit(1))
        if kind != OrganizationKind.AMO or staffed is None or await session.scalar(select(Programme.id).limit(1)):
            return
        people = {row.email.partition("@")[0]: row.id for row in await session.execute(select(User.email, User.id))}
        planner = Ctx(replace(actor, user_id=people.get("planner", actor.user_id)), session)
        await _Records(planner).make()
        await work.load(planner, people)


class _Records:
    """What the planner keeps: programmes, directives, and when each task was done last."""

    def __init__(self, ctx: Ctx) -> None:
        self.ctx = ctx
        self.chance = random.Random(145)  # noqa: S311 - the same records every time, no secret

    async def make(self) -> None:
        session = self.ctx.session
        self.today = await today(self.ctx)
        types = (await session.scalars(select(AircraftType))).all()
        fleet = (await session.scalars(select(Aircraft).order_by(Aircraft.registration))).all()
        batteries = await session.execute(
            select(Installation.aircraft_id, Component.id)
            .join(Component, (Component.org_id == Installation.org_id) & (Component.id == Installation.component_id))
            .where(Component.part_number == BATTERY)
        )
        self.batteries = {row.aircraft_id: row.id for row in batteries}
        self.kept = [each for each in fleet if each.status != AircraftStatus.RETIRED]
        for kind in types:
            if kind.icao_designator in TASKS:
                of_type = [each for each in self.kept if each.type_id == kind.id]
                await self.programme(kind, TASKS[kind.icao_designator], of_type)
        for kind in types:
            await self.directives(kind, [each.id for each in self.kept if each.type_id == kind.id])

    async def programme(self, kind: AircraftType, listed: tuple[Task, ...], fleet: list[Aircraft]) -> None:
        programme_id = await programmes.create(
            self.ctx,
            name=f"AMP {kind.model}",
            type_id=kind.id,
            revision="7",
            approval=f"PT.CAMO.0042/AMP/{kind.icao_designator}",
            approved_on=self.today - timedelta(days=150),
        )
        made = [
            (
                each,
                await tasks.create(
                    self.ctx,
                    programme_id=programme_id,
                    code=each.code,
                    title=each.title,
                    part_number=BATTERY if each.component else None,
                    **each.values,
                ),
            )
            for each in listed
        ]
        for aircraft in fleet:
            await programmes.follow(
                self.ctx,
                aircraft_id=aircraft.id,
                programme_id=programme_id,
                since=self.today - timedelta(days=LOGGED_DAYS + 20),
            )
            number = self.kept.index(aircraft)
            for each, task_id in made:
                late = number % 4 == 1 and each.code == LATE[number // 4 % len(LATE)]
                await programme.accomplish(
                    self.ctx,
                    aircraft_id=aircraft.id,
                    task_id=task_id,
                    component_id=self.batteries[aircraft.id] if each.component else None,
                    on=self.done(each, late=late),
                )

    def done(self, task: Task, *, late: bool) -> date:
        """A day on which it was done last, so that it is due some time from now; or was due some time ago."""
        months, days = task.values.get("interval_months"), task.values.get("interval_days")
        period = days or 30 * (months or 14)
        age = int(period * (self.chance.uniform(1.04, 1.15) if late else self.chance.uniform(0.05, 0.93)))
        if task.values.get("interval_minutes", SOON_AGAIN + 1) <= SOON_AGAIN:
            age = min(age, self.chance.randint(5, 60))
        return self.today - timedelta(days=min(age, LOGGED_DAYS))

    async def directives(self, kind: AircraftType, fleet: list[UUID]) -> None:
        """The first aircraft of a type has not complied; of what came lately, neither have others."""
        for each in DIRECTIVES:
            if each.designator != kind.icao_designator:
                continue
            begin = self.today - timedelta(days=each.days_ago)
            directive_id = await directives.create(
                self.ctx,
                kind=DirectiveKind(each.kind),
                number=each.number,
                title=each.title,
                issuer=each.issuer,
                effective_on=begin,
                applicability=[Range(kind.id)],
                method=each.method,
                **each.limits,
            )
            for place, aircraft_id in enumerate(fleet):
                if each.days_ago > 300 or (each.days_ago > 90 and place > 0) or place % 3 == 2:
                    await directives.comply(
                        self.ctx,
                        aircraft_id=aircraft_id,
                        directive_id=directive_id,
                        on=begin + timedelta(days=self.chance.randint(5, each.days_ago - 5)),
                        method="As the directive says; nothing found.",
                    )

"""No sequence of commands reaches a release with a missing inspection, an overdue directive or deferral, or a signature
that nobody was authorised for.

Sequences are generated: the shortest way to a release, bent by dropping steps, giving them to other people, and putting
others in between (authorisations suspended, days that pass, work rejected, defects found). Whatever is refused is
refused; after a release the records are read, and must prove it.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from db.maintenance.defects import Defect, Deferral, MelCategory
from db.maintenance.directives import DirectiveEntry, DirectiveKind
from db.maintenance.task_cards import SignOff, SignOffKind, TaskCard
from db.maintenance.work_orders import WorkOrder
from db.session import Database
from db.workforce.authorisations import Authorisation, AuthorisationState, Privilege
from domain.context import Actor, Ctx
from domain.errors import OperationError, UserErrors
from domain.maintenance import defects, directives, releases, sign_offs, task_cards, work_orders
from domain.maintenance.directives import Range
from domain.maintenance.rules.task_cards import PRIVILEGES
from domain.maintenance.sources import Source
from domain.workforce import authorisations
from tests.factories import identity, work
from tests.factories.work import Crew
from tests.maintenance.releases.conftest import set_up

SEQUENCES, THOROUGHLY = 15, 1_000
WITHIN_DAYS = 4  # the directive is due then
RIGHT = {Privilege.MECHANIC: "mechanic", Privilege.INSPECTOR: "inspector", Privilege.CERTIFYING_STAFF: "certifier"}


@dataclass
class World:
    """An aircraft under a directive, a work order with two cards, and people; of them `everyone` may sign anything."""

    ctx: Ctx
    people: dict[str, Actor]
    crew: Crew
    held: dict[tuple[str, Privilege], UUID]
    directive: UUID
    due: datetime
    now: datetime
    order: UUID = field(default_factory=lambda: UUID(int=0))
    cards: list[UUID] = field(default_factory=list)
    suspended: set[UUID] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def as_(self, person: str) -> Ctx:
        return Ctx(self.people[person], self.ctx.session, self.now)


Step = tuple[str, str, int]  # command, person, card


def way_to_release(chance: random.Random) -> list[Step]:
    """The shortest one, bent."""
    cards = [0, 1]
    chance.shuffle(cards)
    steps: list[Step] = [("open", "planner", 0)]
    for card in cards:
        steps += [("start", "mechanic", card), ("perform", "mechanic", card), ("inspect", "inspector", card)]
        steps += [("close", "certifier", card)]
    steps += [("complete", "planner", 0), ("release", "certifier", 0)]
    bent = []
    others = ["mechanic", "inspector", "certifier", "everyone", "everyone"]
    for command, usual, card in steps:
        person = chance.choice(others) if usual != "planner" and chance.random() < 0.3 else usual
        while chance.random() < 0.25:
            bent.append((chance.choice(list(COMMANDS)), chance.choice(others), chance.choice(cards)))
        if chance.random() > 0.06:
            bent.append((command, person, card))
    # Whatever was in the way, somebody tries to mend it and to release again.
    mending = [("reinstate", "planner", 0), *(step for step in steps if step[0] != "open")]
    return [*bent, *mending[: chance.choice([0, len(mending)])], *steps[-2:]]


async def _open(world: World, person: str, _card: int) -> None:
    await work_orders.open_for_work(world.as_("planner"), world.order)


async def _start(world: World, person: str, card: int) -> None:
    await task_cards.start(world.as_(person), world.cards[card])


async def _perform(world: World, person: str, card: int) -> None:
    await sign_offs.perform(world.as_(person), world.cards[card], note="Done.")


async def _perform_part(world: World, person: str, card: int) -> None:
    await sign_offs.perform(world.as_(person), world.cards[card], note="Half of it.", finished=False)


async def _inspect(world: World, person: str, card: int) -> None:
    await sign_offs.inspect(world.as_(person), world.cards[card])


async def _reject(world: World, person: str, card: int) -> None:
    await sign_offs.reject(world.as_(person), world.cards[card], note="Not good.")


async def _close(world: World, person: str, card: int) -> None:
    await sign_offs.close(world.as_(person), world.cards[card])


async def _close_incomplete(world: World, person: str, card: int) -> None:
    await sign_offs.close(world.as_(person), world.cards[card], note="The rest.", incomplete=True)


async def _cancel(world: World, person: str, card: int) -> None:
    await task_cards.cancel(world.as_("planner"), world.cards[card], reason="Not now")


async def _loosen(world: World, person: str, card: int) -> None:
    ctx = world.as_("planner")
    found = await ctx.session.get_one(TaskCard, (ctx.actor.org_id, world.cards[card]))
    await task_cards.update(
        ctx, found.id, expected_version=found.version, changes={"inspection_required": False, "title": "Another"}
    )


async def _complete(world: World, person: str, _card: int) -> None:
    await work_orders.complete(world.as_("planner"), world.order)


async def _suspend(world: World, person: str, card: int) -> None:
    await _set(world, person, card, AuthorisationState.SUSPENDED)


async def _reinstate(world: World, person: str, card: int) -> None:
    for name, privilege in list(world.held):
        if world.held[name, privilege] in world.suspended:
            await _set(world, name, list(RIGHT).index(privilege), AuthorisationState.ACTIVE)


async def _set(world: World, person: str, card: int, state: AuthorisationState) -> None:
    """One of the person's authorisations."""
    mine = [id for (name, _), id in world.held.items() if name == person]
    found = world.held.get((person, list(RIGHT)[card]), mine[card % len(mine)])
    reason = "Under review" if state is AuthorisationState.SUSPENDED else None
    await authorisations.set_state(world.as_("planner"), found, state=state, reason=reason)
    (world.suspended.add if reason else world.suspended.discard)(found)


async def _days_pass(world: World, person: str, card: int) -> None:
    world.now += timedelta(days=1 + 2 * card)


async def _defect(world: World, person: str, card: int) -> None:
    """Found, and deferred by who may; every second one is left open."""
    ctx = world.as_(person)
    found = await defects.report(ctx, aircraft_id=world.crew.aircraft_id, description="Lamp out")
    if card:
        await defects.defer(ctx, found, category=MelCategory.B, mel_item="33-41-01")


async def _defer(world: World, person: str, card: int) -> None:
    for found in await world.ctx.session.scalars(select(Defect.id).where(Defect.status == "OPEN")):
        await defects.defer(world.as_("everyone"), found, category=MelCategory.C, mel_item="33-41-01")


async def _release(world: World, person: str, _card: int) -> None:
    await releases.release_aircraft(world.as_(person), work_order_id=world.order, said=releases.Texts())
    world.wrong += await what_is_wrong(world, world.people[person])


COMMANDS: dict[str, Callable[[World, str, int], Awaitable[None]]] = {
    "open": _open,
    "start": _start,
    "perform": _perform,
    "perform part": _perform_part,
    "inspect": _inspect,
    "reject": _reject,
    "close": _close,
    "close incomplete": _close_incomplete,
    "cancel": _cancel,
    "loosen": _loosen,
    "complete": _complete,
    "suspend": _suspend,
    "reinstate": _reinstate,
    "days pass": _days_pass,
    "defect": _defect,
    "defer": _defer,
    "release": _release,
}


SIGNING = ("perform", "perform part", "inspect", "reject", "close", "close incomplete")


async def what_is_wrong(world: World, signatory: Actor) -> list[str]:
    """Read from the records, by other means than the commands do: a signature's authorisation as it was is known from
    which ones were suspended at the time."""
    session, org, found = world.ctx.session, world.crew.org_id, []
    mine = {"populate_existing": True}
    orders = (await session.scalars(select(WorkOrder.status).where(WorkOrder.id == world.order))).all()
    if orders != ["RELEASED"]:
        found.append(f"released, but {orders}")
    for card in await session.scalars(
        select(TaskCard).where(TaskCard.work_order_id == world.order), execution_options=mine
    ):
        signed = (
            await session.scalars(select(SignOff).where(SignOff.task_card_id == card.id).order_by(SignOff.id))
        ).all()
        found += _wrong_with_card(card, list(signed))
    complied = await session.scalar(select(DirectiveEntry.id).where(DirectiveEntry.directive_id == world.directive))
    if complied is None and world.now.date() > world.due.date():
        found.append("the directive is overdue")
    for deferral in await session.scalars(select(Deferral).where(Deferral.org_id == org), execution_options=mine):
        if deferral.ended_on is None and deferral.due_on is not None and deferral.due_on < world.now.date():
            found.append("a deferral is overdue")
    if (await session.scalars(select(Defect.id).where(Defect.org_id == org, Defect.status == "OPEN"))).all():
        found.append("a defect is open")
    able = {id for (name, privilege), id in world.held.items() if world.people[name].user_id == signatory.user_id
            and privilege is Privilege.CERTIFYING_STAFF}  # fmt: skip
    if not able - world.suspended:
        found.append("the signatory is not authorised")
    return found


def _wrong_with_card(card: TaskCard, signed: list[SignOff]) -> list[str]:
    if card.status == "CANCELLED":
        return ["a cancelled card is signed"] if signed else []
    kinds = [each.kind for each in signed]
    found = []
    if card.status != "CLOSED" or kinds[-1] != "CLOSURE":
        found.append(f"card {card.number} is {card.status}")
    last_work = max(place for place, kind in enumerate(kinds) if kind == "PERFORMANCE")
    if "REJECTION" in kinds[last_work:]:
        found.append(f"card {card.number} was rejected, and not done again")
    performers = {each.signatory_id for each in signed if each.kind == "PERFORMANCE"}
    inspectors = {each.signatory_id for each in signed[last_work:] if each.kind == "INSPECTION"}
    if card.inspection_required and not inspectors:
        found.append(f"card {card.number} lacks its inspection")
    if performers & inspectors:
        found.append(f"card {card.number} was inspected by who did the work")
    return found


async def play(world: World, steps: list[Step]) -> tuple[bool, list[str]]:
    """Whether a release was reached; every signature on the way is checked as it is made."""
    for command, person, card in steps:
        suspended = set(world.suspended)
        try:
            async with world.ctx.session.begin_nested():
                await COMMANDS[command](world, person, card)
        except (UserErrors, OperationError):
            world.suspended = suspended
            continue
        if command in SIGNING:
            world.wrong += await _wrong_with_last_signature(world, world.people[person])
        if command == "release":
            return True, world.wrong
    return False, world.wrong


async def _wrong_with_last_signature(world: World, signatory: Actor) -> list[str]:
    made, by = (
        await world.ctx.session.execute(
            select(SignOff, Authorisation)
            .join(Authorisation, Authorisation.id == SignOff.authorisation_id)
            .order_by(SignOff.id.desc())
            .limit(1)
        )
    ).one()
    good = made.signatory_id == by.user_id == signatory.user_id and by.privilege in PRIVILEGES[SignOffKind(made.kind)]
    return [] if good and by.id not in world.suspended else [f"{made.kind} was signed under {by.number}, {by.state}"]


@pytest.fixture
async def world(db: Database, crew: Crew) -> World:
    """Made once: every sequence is played in a transaction that is taken back."""
    people = await work.actors(db, crew)
    held = {(name, privilege): crew.authorisations[privilege] for privilege, name in RIGHT.items()}
    allrounder = await identity.person(db, db.settings, crew.org_id, "CERTIFYING_ENGINEER")
    people["everyone"] = await identity.actor(db, allrounder)
    for privilege in RIGHT:
        made = await work.authorised(db, crew.planner, allrounder.user_id, privilege, crew.type_id)
        held["everyone", privilege] = made
    await set_up(db, crew)
    now = datetime.now(UTC)
    async with db.tenant(crew.org_id, crew.owner.user_id) as session:
        ctx = Ctx(crew.planner, session, now)
        directive = await directives.create(
            ctx,
            kind=DirectiveKind.AD,
            number="2026-0101",
            title="Fuel pump",
            issuer="EASA",
            effective_on=now.date(),
            applicability=[Range(crew.type_id)],
            within_days=WITHIN_DAYS,
        )
        order = await work_orders.create(ctx, aircraft_id=crew.aircraft_id, title="A check")
        cards = [
            await task_cards.add(ctx, work_order_id=order, title="Rig the rudder", inspection_required=True),
            await task_cards.add(ctx, work_order_id=order, source=Source(directive_id=directive)),
        ]
    due = now + timedelta(days=WITHIN_DAYS)
    return World(ctx, people, crew, held, directive, due, now, order, cards)


async def test_no_sequence_reaches_a_release_that_must_not_be(
    db: Database, world: World, request: pytest.FixtureRequest
) -> None:
    thorough = request.config.getoption("thorough")
    seeds = [random.randrange(2**32) for _ in range(THOROUGHLY)] if thorough else range(SEQUENCES)
    begin, reached = world.now, 0
    for seed in seeds:
        steps = way_to_release(random.Random(seed))
        async with db.tenant(world.crew.org_id, world.crew.owner.user_id) as session:
            world.ctx = Ctx(world.crew.planner, session, begin)
            world.now, world.suspended, world.wrong = begin, set(), []
            released, wrong = await play(world, steps)
            await session.rollback()
        assert wrong == [], (seed, steps)
        reached += released
    # Both ends of the generator are of use: ways that lead there, and ways that do not.
    assert 0.1 < reached / len(seeds) < 0.9

"""Task cards and the signatures on them, in the graph."""

from typing import Annotated, cast
from uuid import UUID

import strawberry

from db.maintenance.task_cards import SignOff as SignOffRow
from db.maintenance.task_cards import SignOffKind, TaskCardStatus
from db.maintenance.task_cards import TaskCard as TaskCardRow
from domain.context import Ctx
from domain.maintenance import sign_offs, task_cards
from domain.maintenance.sources import Source
from domain.permissions import Permission
from graph.compiler.projection import column, projection, to_many, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.inputs import EXPECTED_VERSION, VersionIfKnown, given
from graph.core.mutations import mutation
from graph.events.changed import changed

describe(
    TaskCardStatus,
    "How far a task card is.",
    {
        "OPEN": "Nobody has begun.",
        "IN_PROGRESS": "Being worked on, or back for rework after a rejection.",
        "PERFORMED": "The work is done and signed for.",
        "INSPECTED": "The required inspection is signed; only cards with `inspectionRequired` come here.",
        "CLOSED": "Certified. What the card was made from is recorded as done.",
        "CANCELLED": "Taken out of the work order before anybody signed.",
    },
)
describe(
    SignOffKind,
    "What a signature says.",
    {
        "PERFORMANCE": "The signatory has done the work, or the part of it that the note describes.",
        "INSPECTION": "The signatory has inspected the work and found it good, and has done none of it.",
        "REJECTION": "The signatory has found the work not good: it is done again.",
        "CLOSURE": "The signatory certifies the card.",
    },
)


@projection(TaskCardRow, prefix="tc", requires=Permission.WORK_ORDER_READ, default_order=("number",), logged=True)
class TaskCard:
    """One piece of work of a work order. A card made from something due names it, and closing the card records it as
    done: a task of the programme as accomplished, a directive as complied with, a defect as rectified."""

    work_order = to_one("WorkOrder", "The work order that it belongs to.", via="work_order_id")
    work_order_id = column("The id of its work order, for filters.", id_prefix="wo", filter=True)
    aircraft = to_one("Aircraft", "The aircraft that is worked on.", via="aircraft_id")
    aircraft_id = column("The id of the aircraft, for filters.", id_prefix="ac", filter=True)
    number = column("Its number in the work order, from 1 without gaps.", filter=True, order=True)
    title = column("What is to be done, in one line.", filter=True, order=True, search=True)
    reference = column(
        "The maintenance data to work by, as in `AMM 32-41-01-000-801`; null when not stated.",
        filter=True,
        order=True,
        search=True,
    )
    instructions = column("What is to be done, with line breaks; null when the reference says it all.")
    inspection_required = column(
        "Whether somebody who has not done the work must inspect it before the card can be closed (14 CFR 121.371(c)).",
        filter=True,
        order=True,
    )
    status = column("How far it is.", enum=TaskCardStatus, filter=True, order=True)
    incomplete = column(
        "Whether it was closed with work left to do; the note of its closure says what. What it was made from is then"
        " not recorded as done.",
        filter=True,
        order=True,
    )
    assignee = to_one("User", "Who should do it; null for anybody who may.", via="assignee_id", nullable=True)
    assignee_id = column("The id of who should do it, for filters.", id_prefix="usr", filter=True)
    task = to_one("ProgrammeTask", "The task of the programme that it was made from.", via="task_id", nullable=True)
    task_id = column("The id of that task, for filters.", id_prefix="mt", filter=True)
    component = to_one("Component", "The component that the task is done to.", via="component_id", nullable=True)
    component_id = column("The id of that component, for filters.", id_prefix="cmp", filter=True)
    directive = to_one("Directive", "The directive that it was made from.", via="directive_id", nullable=True)
    directive_id = column("The id of that directive, for filters.", id_prefix="dir", filter=True)
    defect = to_one("Defect", "The defect that it was made from, and rectifies.", via="defect_id", nullable=True)
    defect_id = column("The id of that defect, for filters.", id_prefix="df", filter=True)
    found_defects = to_many("Defect", "The defects that were found on its work.", via="task_card_id")
    sign_offs = to_many("SignOff", "The signatures on it, in their order.", via="task_card_id")
    cancellation_reason = column("Why it was cancelled; null unless it was.")
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was made.", filter=True, order=True)
    updated_at = column("When it was last changed.")


@projection(SignOffRow, prefix="so", requires=Permission.WORK_ORDER_READ, default_order=("id",), logged=True)
class SignOff:
    """A signature on a task card. It is never changed or deleted."""

    task_card = to_one("TaskCard", "What was signed.", via="task_card_id")
    task_card_id = column("The id of the task card, for filters.", id_prefix="tc", filter=True)
    kind = column("What the signature says.", enum=SignOffKind, filter=True, order=True)
    signatory = to_one("User", "Who signed; null for who is no member any more.", via="signatory_id", nullable=True)
    signatory_id = column("The id of who signed, for filters.", id_prefix="usr", filter=True)
    authorisation = to_one("Authorisation", "The authorisation that it was signed by.", via="authorisation_id")
    authorisation_id = column("The id of that authorisation, for filters.", id_prefix="aut", filter=True)
    note = column("What was done, found or measured; null when nothing was noted.")
    total_minutes = column("The aircraft's flight time since new at that moment, in minutes.")
    total_cycles = column("The aircraft's flight cycles since new at that moment.")
    signed_on = column("The day of the signature, in the organization's time zone.", filter=True, order=True)
    signed_at = column("The moment of the signature.", filter=True, order=True)


task_card = one("taskCard", TaskCard, "A task card by id.")
task_card_list = many("taskCards", TaskCard, "The task cards of all work orders.")
task_card_aggregate = aggregate(
    "taskCardAggregate", TaskCard, "How many task cards there are, by status, work order, assignee or time."
)
sign_off = one("signOff", SignOff, "A signature by id.")
sign_off_list = many("signOffs", SignOff, "The signatures on all task cards.")
sign_off_aggregate = aggregate("signOffAggregate", SignOff, "How much was signed, by kind, signatory or time.")

TITLE = "What is to be done: one line of 1 to 300 characters."
REFERENCE = "The maintenance data to work by; at most 200 characters."
INSTRUCTIONS = "What is to be done: plain text with line breaks, at most 20,000 characters."
INSPECTION = "Whether the work needs an inspection by somebody else; true when the programme requires it."
ASSIGNEE = "Who should do it, `usr_…`: a member of the organization."
CARD = "The task card, `tc_…`."
IF_KNOWN = EXPECTED_VERSION + " Null: do it whatever the version."


@strawberry.input(description="What a task card is made from: exactly one of task, directive and defect.")
class TaskCardSourceInput:
    task_id: strawberry.ID | None = strawberry.field(
        default=None, description="A task, `mt_…`, of a programme that the aircraft follows."
    )
    component_id: strawberry.ID | None = strawberry.field(
        default=None, description="For a task that is due on components: which one, `cmp_…`, installed on the aircraft."
    )
    directive_id: strawberry.ID | None = strawberry.field(
        default=None, description="A directive, `dir_…`, that applies to the aircraft."
    )
    defect_id: strawberry.ID | None = strawberry.field(
        default=None, description="A defect of the aircraft, `df_…`, open or deferred."
    )


@strawberry.input(description="A new task card. With a source, what is not given comes from there.")
class AddTaskCardInput:
    work_order_id: strawberry.ID = strawberry.field(
        description="The work order, `wo_…`, whose work is not completed yet."
    )
    source: TaskCardSourceInput | None = strawberry.field(
        default=None, description="What it is made from; of each there is one unfinished card at a time."
    )
    title: str | None = strawberry.field(default=None, description=TITLE + " Needed without a source.")
    reference: str | None = strawberry.field(default=None, description=REFERENCE)
    instructions: str | None = strawberry.field(default=None, description=INSTRUCTIONS)
    inspection_required: bool | None = strawberry.field(default=None, description=INSPECTION)
    assignee_id: strawberry.ID | None = strawberry.field(default=None, description=ASSIGNEE)


@strawberry.input(description="What to change of a task card. What is absent stays; null clears what may be null.")
class UpdateTaskCardInput:
    id: strawberry.ID = strawberry.field(description=CARD)
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    title: str | None = strawberry.field(default=strawberry.UNSET, description=TITLE)
    reference: str | None = strawberry.field(default=strawberry.UNSET, description=REFERENCE)
    instructions: str | None = strawberry.field(default=strawberry.UNSET, description=INSTRUCTIONS)
    inspection_required: bool | None = strawberry.field(default=strawberry.UNSET, description=INSPECTION)
    assignee_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=ASSIGNEE)


@strawberry.input(description="Which task card to take out of its work order, and why.")
class CancelTaskCardInput:
    id: strawberry.ID = strawberry.field(description=CARD)
    reason: str = strawberry.field(description="Why: one line of 1 to 1,000 characters.")
    expected_version: int | None = strawberry.field(default=None, description=IF_KNOWN)


@strawberry.input(description="A signature for work done.")
class PerformTaskCardInput:
    id: strawberry.ID = strawberry.field(description=CARD)
    note: str = strawberry.field(
        description="What was done, found and measured, and by which data; 1 to 4,000 characters."
    )
    finished: bool = strawberry.field(
        default=True,
        description="False signs for one's part of the work, as at the end of a shift; the card stays in progress.",
    )
    expected_version: int | None = strawberry.field(default=None, description=IF_KNOWN)


@strawberry.input(description="A signature under a task card, with a note where there is something to say.")
class SignTaskCardInput:
    id: strawberry.ID = strawberry.field(description=CARD)
    note: str | None = strawberry.field(default=None, description="A remark; at most 4,000 characters.")
    expected_version: int | None = strawberry.field(default=None, description=IF_KNOWN)


@strawberry.input(description="The signature that certifies a task card.")
class CloseTaskCardInput(SignTaskCardInput):
    incomplete: bool = strawberry.field(
        default=False,
        description="True when the work could not be finished: what the card was made from stays as it is, and `note`"
        " must say what is left, for the certificate (145.A.50(e)).",
    )


@strawberry.input(description="A signature that says that the work is not good.")
class RejectTaskCardInput:
    id: strawberry.ID = strawberry.field(description=CARD)
    note: str = strawberry.field(description="What is not good; 1 to 4,000 characters.")
    expected_version: int | None = strawberry.field(default=None, description=IF_KNOWN)


def source_of(found: TaskCardSourceInput | None) -> Source | None:
    if found is None:
        return None
    prefixes = {"task_id": "mt", "component_id": "cmp", "directive_id": "dir", "defect_id": "df"}
    named = {name: getattr(found, name) for name in prefixes}
    return Source(**{name: ids.decode(prefixes[name], text) for name, text in named.items() if text})


@mutation(requires=Permission.WORK_ORDER_MANAGE, entity=("taskCard", TaskCard))
async def add_task_card(ctx: Ctx, input: AddTaskCardInput) -> UUID:
    """Add a task card to a work order, also while work is in progress."""
    values = given(input, but=("source",), prefixes={"work_order_id": "wo", "assignee_id": "usr"})
    return await task_cards.add(ctx, source=source_of(input.source), **values)


@mutation(requires=Permission.WORK_ORDER_MANAGE, entity=("taskCard", TaskCard))
async def update_task_card(ctx: Ctx, input: UpdateTaskCardInput) -> UUID:
    """Change a task card that nobody has signed yet; who should do it, also later."""
    values = given(
        input, but=("id", "expected_version"), never_null=("inspection_required",), prefixes={"assignee_id": "usr"}
    )
    return await task_cards.update(
        ctx,
        ids.decode("tc", input.id),
        expected_version=input.expected_version,
        changes=cast(task_cards.Changes, values),
    )


@mutation(requires=Permission.WORK_ORDER_MANAGE, entity=("taskCard", TaskCard))
async def cancel_task_card(ctx: Ctx, input: CancelTaskCardInput) -> UUID:
    """Take a task card out of its work order before anybody has signed it. It stays, with the reason."""
    return await task_cards.cancel(
        ctx, ids.decode("tc", input.id), reason=input.reason, expected_version=input.expected_version
    )


TaskCardId = Annotated[strawberry.ID, strawberry.argument(description=CARD)]


@mutation(requires=Permission.WORK_ORDER_SIGN, entity=("taskCard", TaskCard))
async def start_task_card(ctx: Ctx, id: TaskCardId, expected_version: VersionIfKnown = None) -> UUID:
    """Begin the work on a card of an open work order. The first one brings the work order to IN_PROGRESS."""
    return await task_cards.start(ctx, ids.decode("tc", id), expected_version=expected_version)


@mutation(requires=Permission.WORK_ORDER_SIGN, entity=("taskCard", TaskCard))
async def perform_task_card(ctx: Ctx, input: PerformTaskCardInput) -> UUID:
    """Sign for work done on a card in progress. It needs an authorisation as MECHANIC or CERTIFYING_STAFF that is
    effective for the type of the aircraft today; otherwise the errors say why it is not."""
    return await sign_offs.perform(
        ctx,
        ids.decode("tc", input.id),
        note=input.note,
        finished=input.finished,
        expected_version=input.expected_version,
    )


@mutation(requires=Permission.WORK_ORDER_SIGN, entity=("taskCard", TaskCard))
async def inspect_task_card(ctx: Ctx, input: SignTaskCardInput) -> UUID:
    """Sign the required inspection of a performed card. It needs an effective authorisation as INSPECTOR, and somebody
    who has not signed for work on the card (14 CFR 121.371(c))."""
    return await sign_offs.inspect(
        ctx, ids.decode("tc", input.id), note=input.note, expected_version=input.expected_version
    )


@mutation(requires=Permission.WORK_ORDER_SIGN, entity=("taskCard", TaskCard))
async def reject_task_card(ctx: Ctx, input: RejectTaskCardInput) -> UUID:
    """Send a performed or inspected card back to be done again, and inspected again where it must be. It needs an
    effective authorisation as INSPECTOR or CERTIFYING_STAFF."""
    return await sign_offs.reject(
        ctx, ids.decode("tc", input.id), note=input.note, expected_version=input.expected_version
    )


@mutation(requires=Permission.WORK_ORDER_SIGN, entity=("taskCard", TaskCard))
async def close_task_card(ctx: Ctx, input: CloseTaskCardInput) -> UUID:
    """Certify a card that is performed and, where it must be, inspected. It needs an effective authorisation as
    CERTIFYING_STAFF. What the card was made from is recorded as done, as of the day and the totals of the last
    signature for work."""
    return await sign_offs.close(
        ctx,
        ids.decode("tc", input.id),
        note=input.note,
        incomplete=input.incomplete,
        expected_version=input.expected_version,
    )


QUERIES = [task_card, task_card_list, task_card_aggregate, sign_off, sign_off_list, sign_off_aggregate]
MUTATIONS = [
    add_task_card,
    update_task_card,
    cancel_task_card,
    start_task_card,
    perform_task_card,
    inspect_task_card,
    reject_task_card,
    close_task_card,
]
SUBSCRIPTIONS = [changed(TaskCard)]

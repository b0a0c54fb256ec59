"""Work orders in the graph."""

from datetime import date
from typing import Annotated, cast
from uuid import UUID

import strawberry
from sqlalchemy import func, select

from db.maintenance.task_cards import TaskCard, TaskCardStatus
from db.maintenance.work_orders import WorkOrder as WorkOrderRow
from db.maintenance.work_orders import WorkOrderStatus
from domain.context import Ctx
from domain.maintenance import work_orders
from domain.permissions import Permission
from graph.compiler.projection import column, computed, projection, to_many, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.inputs import EXPECTED_VERSION, VersionIfKnown, given
from graph.core.mutations import mutation
from graph.events.changed import changed

describe(
    WorkOrderStatus,
    "How far a work order is. It only goes forward, in this order; `CANCELLED` from the first three.",
    {
        "DRAFT": "Being planned; no work is done yet.",
        "OPEN": "Planned: work may begin.",
        "IN_PROGRESS": "A task card has been started.",
        "AWAITING_RELEASE": "All task cards are closed or cancelled; neither it nor they change any more.",
        "RELEASED": "The aircraft's certificate of release to service has been issued.",
        "CLOSED": "Released, and its paperwork is done.",
        "CANCELLED": "Given up before anybody signed for work.",
    },
)


@projection(WorkOrderRow, prefix="wo", requires=Permission.WORK_ORDER_READ, default_order=("-number",), logged=True)
class WorkOrder:
    """What is to be done on an aircraft before it is released to service again. Work orders are never deleted."""

    number = column("Its number in the organization, from 1 without gaps.", filter=True, order=True, unique=True)
    aircraft = to_one("Aircraft", "The aircraft that is worked on.", via="aircraft_id")
    aircraft_id = column("The id of the aircraft, for filters.", id_prefix="ac", filter=True)
    title = column("What it is about, in one line.", filter=True, order=True, search=True)
    description = column("More about it, with line breaks; null when there is no more.", search=True)
    status = column("How far it is.", enum=WorkOrderStatus, filter=True, order=True)
    planned_start_on = column("The day on which work should begin; null when not planned.", filter=True, order=True)
    planned_end_on = column("The day on which it should be done; null when not planned.", filter=True, order=True)
    cards = to_many("TaskCard", "Its task cards, by number unless ordered otherwise.", via="work_order_id")
    unfinished_cards = computed(
        "How many of its task cards are neither closed nor cancelled.",
        int,
        lambda m, _: (
            select(func.count())
            .select_from(TaskCard)
            .where(
                TaskCard.org_id == m.org_id,
                TaskCard.work_order_id == m.id,
                TaskCard.status.not_in([TaskCardStatus.CLOSED.value, TaskCardStatus.CANCELLED.value]),
            )
            .correlate(m)
            .scalar_subquery()
        ),
    )
    creator = to_one("User", "Who made it; null for somebody who is no member.", via="creator_id", nullable=True)
    cancellation_reason = column("Why it was cancelled; null unless it was.")
    released_at = column("When the aircraft was released; null before.", filter=True, order=True)
    releases = to_many("Release", "The certificates that release its work; needs RELEASE_READ.", via="work_order_id")
    version = column("Counts changes; pass it as `expectedVersion`. Its cards count their own.")
    created_at = column("When it was made.", filter=True, order=True)
    updated_at = column("When it was last changed.")


work_order = one("workOrder", WorkOrder, "A work order by id.")
work_order_list = many("workOrders", WorkOrder, "The organization's work orders, the latest first.")
work_order_aggregate = aggregate(
    "workOrderAggregate", WorkOrder, "How many work orders there are, by status, aircraft or time."
)

TITLE = "What it is about: one line of 1 to 200 characters."
DESCRIPTION = "More about it: plain text with line breaks, at most 10,000 characters."
START = "The day on which work should begin."
END = "The day on which it should be done; not before the planned start."


@strawberry.input(description="A new work order; it begins as a draft.")
class CreateWorkOrderInput:
    aircraft_id: strawberry.ID = strawberry.field(description="The aircraft, `ac_…`; not a retired one.")
    title: str = strawberry.field(description=TITLE)
    description: str | None = strawberry.field(default=strawberry.UNSET, description=DESCRIPTION)
    planned_start_on: date | None = strawberry.field(default=strawberry.UNSET, description=START)
    planned_end_on: date | None = strawberry.field(default=strawberry.UNSET, description=END)


@strawberry.input(description="What to change of a work order. What is absent stays; null clears what may be null.")
class UpdateWorkOrderInput:
    id: strawberry.ID = strawberry.field(description="The work order, `wo_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    title: str | None = strawberry.field(default=strawberry.UNSET, description=TITLE)
    description: str | None = strawberry.field(default=strawberry.UNSET, description=DESCRIPTION)
    planned_start_on: date | None = strawberry.field(default=strawberry.UNSET, description=START)
    planned_end_on: date | None = strawberry.field(default=strawberry.UNSET, description=END)


@strawberry.input(description="Which work order to give up, and why.")
class CancelWorkOrderInput:
    id: strawberry.ID = strawberry.field(description="The work order, `wo_…`.")
    reason: str = strawberry.field(description="Why: one line of 1 to 1,000 characters.")
    expected_version: int | None = strawberry.field(
        default=None, description=EXPECTED_VERSION + " Null: do it whatever the version."
    )


WorkOrderId = Annotated[strawberry.ID, strawberry.argument(description="The work order, `wo_…`.")]


@mutation(requires=Permission.WORK_ORDER_MANAGE, entity=("workOrder", WorkOrder))
async def create_work_order(ctx: Ctx, input: CreateWorkOrderInput) -> UUID:
    """Plan work on an aircraft. Add task cards with `addTaskCard`, then open it."""
    return await work_orders.create(ctx, **given(input, prefixes={"aircraft_id": "ac"}))


@mutation(requires=Permission.WORK_ORDER_MANAGE, entity=("workOrder", WorkOrder))
async def update_work_order(ctx: Ctx, input: UpdateWorkOrderInput) -> UUID:
    """Change a work order until its work is completed; the error is NOT_ALLOWED afterwards."""
    values = given(input, but=("id", "expected_version"))
    return await work_orders.update(
        ctx,
        ids.decode("wo", input.id),
        expected_version=input.expected_version,
        changes=cast(work_orders.Changes, values),
    )


@mutation(requires=Permission.WORK_ORDER_MANAGE, entity=("workOrder", WorkOrder))
async def open_work_order(ctx: Ctx, id: WorkOrderId, expected_version: VersionIfKnown = None) -> UUID:
    """Let work begin on a draft. It needs at least one task card; more can be added later."""
    return await work_orders.open_for_work(ctx, ids.decode("wo", id), expected_version=expected_version)


@mutation(requires=Permission.WORK_ORDER_MANAGE, entity=("workOrder", WorkOrder))
async def complete_work_order(ctx: Ctx, id: WorkOrderId, expected_version: VersionIfKnown = None) -> UUID:
    """Say that the work is done: from then on the aircraft can be released, and the work order changes no more. Each
    task card that is neither closed nor cancelled is an error."""
    return await work_orders.complete(ctx, ids.decode("wo", id), expected_version=expected_version)


@mutation(requires=Permission.WORK_ORDER_MANAGE, entity=("workOrder", WorkOrder))
async def close_work_order(ctx: Ctx, id: WorkOrderId, expected_version: VersionIfKnown = None) -> UUID:
    """Put a released work order away."""
    return await work_orders.close(ctx, ids.decode("wo", id), expected_version=expected_version)


@mutation(requires=Permission.WORK_ORDER_MANAGE, entity=("workOrder", WorkOrder))
async def cancel_work_order(ctx: Ctx, input: CancelWorkOrderInput) -> UUID:
    """Give up a work order with all its task cards. Refused once work has been signed: what was done is released."""
    return await work_orders.cancel(
        ctx, ids.decode("wo", input.id), reason=input.reason, expected_version=input.expected_version
    )


QUERIES = [work_order, work_order_list, work_order_aggregate]
MUTATIONS = [
    create_work_order,
    update_work_order,
    open_work_order,
    complete_work_order,
    close_work_order,
    cancel_work_order,
]
SUBSCRIPTIONS = [changed(WorkOrder)]

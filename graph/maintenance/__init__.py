"""Maintenance in the graph."""

from graph.core.room import Room
from graph.maintenance import defects, task_cards, work_orders

ROOM = Room(
    projections=[work_orders.WorkOrder, task_cards.TaskCard, task_cards.SignOff, defects.Defect, defects.Deferral],
    queries=[*work_orders.QUERIES, *task_cards.QUERIES, *defects.QUERIES],
    mutations=[*work_orders.MUTATIONS, *task_cards.MUTATIONS, *defects.MUTATIONS],
    subscriptions=[*work_orders.SUBSCRIPTIONS, *task_cards.SUBSCRIPTIONS, *defects.SUBSCRIPTIONS],
)

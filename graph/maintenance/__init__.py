"""Maintenance in the graph."""

from graph.core.room import Room
from graph.maintenance import certificates, defects, releases, task_cards, work_orders

ROOM = Room(
    projections=[
        work_orders.WorkOrder,
        task_cards.TaskCard,
        task_cards.SignOff,
        defects.Defect,
        defects.Deferral,
        releases.Release,
        releases.ReleaseRevocation,
        certificates.NumberSeries,
        certificates.SigningKey,
    ],
    queries=[
        *work_orders.QUERIES,
        *task_cards.QUERIES,
        *defects.QUERIES,
        *releases.QUERIES,
        *certificates.QUERIES,
    ],
    public_queries=certificates.PUBLIC_QUERIES,
    mutations=[
        *work_orders.MUTATIONS,
        *task_cards.MUTATIONS,
        *defects.MUTATIONS,
        *releases.MUTATIONS,
        *certificates.MUTATIONS,
    ],
    subscriptions=[
        *work_orders.SUBSCRIPTIONS,
        *task_cards.SUBSCRIPTIONS,
        *defects.SUBSCRIPTIONS,
        *releases.SUBSCRIPTIONS,
        *certificates.SUBSCRIPTIONS,
    ],
)

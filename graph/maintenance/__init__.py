"""Maintenance in the graph."""

from graph.core.room import Room
from graph.maintenance import defects, directives, due, task_cards, work_orders
from graph.maintenance.programme import accomplishments, programmes, tasks

TOPICS = (programmes, tasks, accomplishments, directives, due, work_orders, task_cards, defects)
ROOM = Room(
    projections=[
        programmes.Programme,
        programmes.AircraftProgramme,
        tasks.ProgrammeTask,
        accomplishments.Accomplishment,
        directives.Directive,
        directives.DirectiveApplicability,
        directives.AircraftDirective,
        directives.DirectiveEntry,
        due.DueItem,
        work_orders.WorkOrder,
        task_cards.TaskCard,
        task_cards.SignOff,
        defects.Defect,
        defects.Deferral,
    ],
    queries=[query for topic in TOPICS for query in topic.QUERIES],
    mutations=[mutation for topic in TOPICS for mutation in getattr(topic, "MUTATIONS", ())],
    subscriptions=[subscription for topic in TOPICS for subscription in getattr(topic, "SUBSCRIPTIONS", ())],
)

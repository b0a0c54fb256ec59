"""Maintenance in the graph."""

from graph.core.room import Room
from graph.maintenance import certificates, defects, directives, due, releases, task_cards, work_orders
from graph.maintenance.programme import accomplishments, programmes, tasks

TOPICS = (
    programmes,
    tasks,
    accomplishments,
    directives,
    due,
    work_orders,
    task_cards,
    defects,
    releases,
    certificates,
)

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
        releases.Release,
        releases.ReleaseRevocation,
        certificates.NumberSeries,
        certificates.SigningKey,
    ],
    queries=[query for topic in TOPICS for query in topic.QUERIES],
    public_queries=certificates.PUBLIC_QUERIES,
    mutations=[mutation for topic in TOPICS for mutation in getattr(topic, "MUTATIONS", ())],
    subscriptions=[listened for topic in TOPICS for listened in getattr(topic, "SUBSCRIPTIONS", ())],
)

"""Maintenance in the graph."""

from graph.core.room import Room
from graph.maintenance import directives, due
from graph.maintenance.programme import accomplishments, programmes, tasks

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
    ],
    queries=[*programmes.QUERIES, *tasks.QUERIES, *accomplishments.QUERIES, *directives.QUERIES, *due.QUERIES],
    mutations=[*programmes.MUTATIONS, *tasks.MUTATIONS, *accomplishments.MUTATIONS, *directives.MUTATIONS],
    subscriptions=[
        *programmes.SUBSCRIPTIONS,
        *tasks.SUBSCRIPTIONS,
        *accomplishments.SUBSCRIPTIONS,
        *directives.SUBSCRIPTIONS,
    ],
)

"""The event log in the graph."""

from graph.core.room import Room
from graph.events import archives, log

ROOM = Room(
    projections=[log.Event, archives.EventArchive],
    queries=[*log.QUERIES, *archives.QUERIES],
    mutations=archives.MUTATIONS,
    subscriptions=log.SUBSCRIPTIONS,
)

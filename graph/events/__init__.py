"""The event log in the graph."""

from graph.core.room import Room
from graph.events import log

ROOM = Room(projections=[log.Event], queries=log.QUERIES, subscriptions=log.SUBSCRIPTIONS)

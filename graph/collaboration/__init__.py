"""Notifications in the graph."""

from graph.collaboration import notifications
from graph.core.room import Room

ROOM = Room(
    projections=notifications.PROJECTIONS,
    queries=notifications.QUERIES,
    mutations=notifications.MUTATIONS,
    subscriptions=notifications.SUBSCRIPTIONS,
)

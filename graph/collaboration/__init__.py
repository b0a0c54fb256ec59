"""The feed, presence and notifications in the graph."""

from graph.collaboration import feed, notifications, presence
from graph.core.room import Room

ROOM = Room(
    projections=[feed.FeedChannel, feed.FeedMessage, presence.Presence, *notifications.PROJECTIONS],
    queries=[*feed.QUERIES, *presence.QUERIES, *notifications.QUERIES],
    mutations=[*feed.MUTATIONS, *presence.MUTATIONS, *notifications.MUTATIONS],
    subscriptions=[*feed.SUBSCRIPTIONS, *presence.SUBSCRIPTIONS, *notifications.SUBSCRIPTIONS],
)

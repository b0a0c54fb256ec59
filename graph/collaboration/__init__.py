"""The feed and presence in the graph."""

from graph.collaboration import feed, presence
from graph.core.room import Room

ROOM = Room(
    projections=[feed.FeedChannel, feed.FeedMessage, presence.Presence],
    queries=[*feed.QUERIES, *presence.QUERIES],
    mutations=[*feed.MUTATIONS, *presence.MUTATIONS],
    subscriptions=[*feed.SUBSCRIPTIONS, *presence.SUBSCRIPTIONS],
)

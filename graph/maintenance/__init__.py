"""What is due on aircraft, the work that is done on them, and their release, in the graph."""

from graph.core.room import Room
from graph.maintenance import certificates, releases

ROOM = Room(
    projections=[
        releases.Release,
        releases.ReleaseRevocation,
        certificates.NumberSeries,
        certificates.SigningKey,
    ],
    queries=[*releases.QUERIES, *certificates.QUERIES],
    public_queries=certificates.PUBLIC_QUERIES,
    mutations=[*releases.MUTATIONS, *certificates.MUTATIONS],
    subscriptions=[*releases.SUBSCRIPTIONS, *certificates.SUBSCRIPTIONS],
)

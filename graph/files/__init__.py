"""Uploads and documents in the graph."""

from graph.core.room import Room
from graph.files import documents, uploads

ROOM = Room(
    projections=[documents.Document],
    queries=documents.QUERIES,
    mutations=[*uploads.MUTATIONS, *documents.MUTATIONS],
    subscriptions=[*documents.SUBSCRIPTIONS],
)

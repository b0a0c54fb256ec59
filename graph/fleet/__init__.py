"""Aircraft types, aircraft and utilisation in the graph."""

from graph.core.room import Room
from graph.fleet import aircraft, aircraft_types, utilisation

ROOM = Room(
    projections=[aircraft_types.AircraftType, aircraft.Aircraft, utilisation.UtilisationEntry],
    queries=[*aircraft_types.QUERIES, *aircraft.QUERIES, *utilisation.QUERIES],
    mutations=[*aircraft_types.MUTATIONS, *aircraft.MUTATIONS, *utilisation.MUTATIONS],
    subscriptions=[*aircraft_types.SUBSCRIPTIONS, *aircraft.SUBSCRIPTIONS],
)

"""Aircraft types, aircraft, utilisation and components in the graph."""

from graph.core.room import Room
from graph.fleet import aircraft, aircraft_types, components, installations, utilisation

ROOM = Room(
    projections=[
        aircraft_types.AircraftType,
        aircraft.Aircraft,
        utilisation.UtilisationEntry,
        components.Component,
        installations.Installation,
    ],
    queries=[
        *aircraft_types.QUERIES,
        *aircraft.QUERIES,
        *utilisation.QUERIES,
        *components.QUERIES,
        *installations.QUERIES,
    ],
    mutations=[
        *aircraft_types.MUTATIONS,
        *aircraft.MUTATIONS,
        *utilisation.MUTATIONS,
        *components.MUTATIONS,
        *installations.MUTATIONS,
    ],
    subscriptions=[
        *aircraft_types.SUBSCRIPTIONS,
        *aircraft.SUBSCRIPTIONS,
        *components.SUBSCRIPTIONS,
        *installations.SUBSCRIPTIONS,
    ],
)

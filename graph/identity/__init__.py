"""Organizations, people, roles and signing in, in the graph."""

from graph.core.room import Room
from graph.identity import actors, departments, memberships, organizations, roles, sessions, users

ROOM = Room(
    projections=[
        organizations.Organization,
        users.User,
        users.Viewer,
        sessions.Session,
        memberships.Membership,
        roles.Role,
        departments.Department,
        departments.DepartmentMembership,
    ],
    abstracts=[actors.Actor],
    facets=[actors.Superuser, actors.Platform],
    queries=[
        *users.QUERIES,
        *organizations.QUERIES,
        *departments.QUERIES,
        *memberships.QUERIES,
        *roles.QUERIES,
    ],
    mutations=[
        *users.MUTATIONS,
        *sessions.MUTATIONS,
        *organizations.MUTATIONS,
        *departments.MUTATIONS,
        *memberships.MUTATIONS,
        *roles.MUTATIONS,
    ],
    subscriptions=[
        *users.SUBSCRIPTIONS,
        *organizations.SUBSCRIPTIONS,
        *departments.SUBSCRIPTIONS,
        *memberships.SUBSCRIPTIONS,
        *roles.SUBSCRIPTIONS,
    ],
)

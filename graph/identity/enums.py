"""The enums of identity, described."""

from enum import StrEnum
from typing import Any

from db.identity.departments import DepartmentRole
from db.identity.memberships import MembershipState
from db.identity.organizations import Module, OrganizationKind, OrganizationPlan
from db.identity.sessions import EndReason
from db.identity.users import UserState
from domain.identity.rules.roles import BUILT_IN
from graph.core.enums import describe

describe(
    OrganizationPlan,
    "How much the people of an organization may ask for, in points of cost.",
    {
        "FREE": "A tenth of a core's minute for all of them together.",
        "STANDARD": "About one core.",
        "LARGE": "Several cores.",
    },
)
describe(
    OrganizationKind,
    "What kind of business an organization is.",
    {
        "AMO": "An approved maintenance organization.",
        "FBO": "A fixed-base operator: handling, fuel, hangars.",
        "OPERATIONS": "Runs technical systems.",
        "CLOUD": "Manages cloud accounts.",
        "SOFTWARE": "Develops software.",
    },
)
describe(
    Module,
    "A part of the platform that an organization can switch on.",
    {
        "FLEET": "Aircraft, types and utilisation.",
        "MAINTENANCE": "Programmes, work orders, defects and releases.",
        "QUALITY": "Audits, findings and actions.",
        "WORKFORCE": "Courses, training records and authorisations.",
        "GROUND": "Flights, stands, fuel and equipment.",
        "SYSTEMS": "The register of systems and claims.",
        "CLOUD": "Discovery and optimisation of cloud accounts.",
        "TASKS": "Tasks and their analytics.",
    },
)
describe(
    UserState,
    "Whether a person may sign in at all.",
    {"ACTIVE": "May sign in.", "DISABLED": "May not sign in anywhere."},
)
describe(
    MembershipState,
    "Whether somebody belongs to the organization.",
    {"ACTIVE": "Belongs to it.", "REMOVED": "Belonged to it once; kept so that history names the person."},
)
describe(
    DepartmentRole,
    "What somebody is in a department.",
    {"LEAD": "Leads the department.", "MEMBER": "Works in it.", "VIEWER": "Follows what it does."},
)
describe(
    EndReason,
    "Why a session ended.",
    {
        "SIGNED_OUT": "The person signed out.",
        "SIGNED_OUT_EVERYWHERE": "The person ended all sessions.",
        "SESSION_LIMIT": "Another sign-in exceeded the organization's limit; this one was used least recently.",
        "TOKEN_REUSED": "A spent refresh token came back, so it may have been stolen.",
        "EXPIRED": "The refresh token was not used in time.",
        "PASSWORD_RESET": "The password was reset.",
        "ACCESS_LOST": "The person lost access to the organization.",
    },
)

# Made from the rules, so that the schema lists exactly the roles there are.
BuiltInRole: Any = StrEnum("BuiltInRole", {key: key for key in BUILT_IN})  # type: ignore[misc]  # not literal
describe(
    BuiltInRole,
    "A role that every organization has. Its key is the name of the value.",
    {key: f"{role.name}. {role.description}" for key, role in BUILT_IN.items()},
)

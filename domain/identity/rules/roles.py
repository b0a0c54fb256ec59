"""Built-in roles: the vocabularies of the five systems as named sets over the one permission enum.

Sources: `accounts` of the AMO portal (the post holders and staff of a Part-145 organization, 145.A.30),
owner/admin/member/viewer of the system register, client/admin/super_admin of the AWS optimiser and
manager/developer/auditor of the task manager. A word that two of them share is one role here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.permissions import Permission

ALL = frozenset(Permission)
READS = frozenset(permission for permission in Permission if permission.value.endswith("_READ"))
EVERYDAY = READS - {Permission.EVENT_READ}
STAFF = EVERYDAY | {Permission.FEED_POST, Permission.DOCUMENT_UPLOAD, Permission.FINDING_RESPOND}
HANGAR = STAFF | {Permission.WORK_ORDER_SIGN, Permission.DEFECT_REPORT}
FLOOR = HANGAR | {Permission.UTILISATION_RECORD, Permission.COMPONENT_MANAGE, Permission.ACCOMPLISHMENT_RECORD}
ACCOUNTABLE_MANAGER = "ACCOUNTABLE_MANAGER"


class Vocabulary(StrEnum):
    """Which system a built-in role comes from."""

    GENERAL = "GENERAL"
    MAINTENANCE = "MAINTENANCE"
    CLOUD = "CLOUD"
    TASKS = "TASKS"


@dataclass(frozen=True)
class BuiltInRole:
    key: str
    name: str
    description: str
    vocabulary: Vocabulary
    permissions: frozenset[Permission]


def _role(
    key: str, name: str, vocabulary: Vocabulary, permissions: Iterable[Permission], description: str
) -> BuiltInRole:
    return BuiltInRole(key, name, description, vocabulary, frozenset(permissions))


OWNER = "OWNER"

_GENERAL = [
    _role(OWNER, "Owner", Vocabulary.GENERAL, ALL, "Everything; an organization always keeps one owner."),
    _role("ADMIN", "Administrator", Vocabulary.GENERAL, ALL, "Everything, except making and unmaking owners."),
    _role(
        "MEMBER",
        "Member",
        Vocabulary.GENERAL,
        STAFF | {Permission.UTILISATION_RECORD, Permission.DEFECT_REPORT},
        "Sees what the organization does and records everyday work.",
    ),
    _role("VIEWER", "Viewer", Vocabulary.GENERAL, EVERYDAY, "Sees what the organization does, changes nothing."),
]

_MAINTENANCE = [
    _role(
        "AMO_ADMIN",
        "AMO administrator",
        Vocabulary.MAINTENANCE,
        ALL,
        "Runs the maintenance organization's portal.",
    ),
    _role(
        ACCOUNTABLE_MANAGER,
        "Accountable manager",
        Vocabulary.MAINTENANCE,
        READS | {Permission.FEED_POST, Permission.FINDING_RESPOND},
        "Answers for the organization (145.A.30(a)): what stays overdue is escalated up to here.",
    ),
    _role(
        "QUALITY_MANAGER",
        "Quality manager",
        Vocabulary.MAINTENANCE,
        READS
        | {
            Permission.DEPARTMENT_MANAGE,
            Permission.FEED_POST,
            Permission.DOCUMENT_UPLOAD,
            Permission.DOCUMENT_MANAGE,
            Permission.WORKFORCE_MANAGE,
            Permission.AUTHORISATION_MANAGE,
            Permission.RELEASE_REVOKE,
            Permission.RELEASE_MANAGE,
            Permission.QUALITY_MANAGE,
            Permission.AUDIT_PERFORM,
            Permission.FINDING_RESPOND,
            Permission.FEED_POST,
        },
        "Monitors compliance (145.A.200): reads everything, the event log included, and authorises staff (145.A.35).",
    ),
    _role(
        "SAFETY_MANAGER",
        "Safety manager",
        Vocabulary.MAINTENANCE,
        READS
        | {
            Permission.DEFECT_REPORT,
            Permission.DOCUMENT_UPLOAD,
            Permission.AUDIT_PERFORM,
            Permission.FINDING_RESPOND,
            Permission.FEED_POST,
        },
        "Runs the safety management system.",
    ),
    _role(
        "PLANNING_ENGINEER",
        "Planning engineer",
        Vocabulary.MAINTENANCE,
        READS
        | {
            Permission.FLEET_MANAGE,
            Permission.COMPONENT_MANAGE,
            Permission.UTILISATION_RECORD,
            Permission.PROGRAMME_MANAGE,
            Permission.DIRECTIVE_MANAGE,
            Permission.ACCOMPLISHMENT_RECORD,
            Permission.WORK_ORDER_MANAGE,
            Permission.DEFECT_REPORT,
            Permission.DOCUMENT_UPLOAD,
            Permission.FINDING_RESPOND,
            Permission.FEED_POST,
            Permission.DOCUMENT_UPLOAD,
        },
        "Plans maintenance: keeps the fleet, its utilisation, its programmes, directives and work orders.",
    ),
    _role(
        "PRODUCTION_ENGINEER",
        "Production engineer",
        Vocabulary.MAINTENANCE,
        FLOOR | {Permission.WORK_ORDER_MANAGE},
        "Runs the hangar floor.",
    ),
    _role(
        "CERTIFYING_ENGINEER",
        "Certifying engineer",
        Vocabulary.MAINTENANCE,
        FLOOR | {Permission.RELEASE_ISSUE},
        "Certifies base maintenance (145.A.35, category C).",
    ),
    _role(
        "CERTIFYING_TECHNICIAN",
        "Certifying technician",
        Vocabulary.MAINTENANCE,
        FLOOR | {Permission.RELEASE_ISSUE},
        "Certifies line maintenance (145.A.35, categories B1, B2).",
    ),
    _role("TECHNICIAN", "Technician", Vocabulary.MAINTENANCE, HANGAR, "Carries out tasks that others certify."),
    _role("STORES", "Stores", Vocabulary.MAINTENANCE, STAFF, "Receives and issues parts."),
]

_CLOUD = [
    _role(
        "SUPER_ADMIN",
        "Super administrator",
        Vocabulary.CLOUD,
        ALL,
        "Runs the optimisation service for its clients.",
    ),
    _role(
        "CLIENT",
        "Client",
        Vocabulary.CLOUD,
        {Permission.ORGANIZATION_READ},
        "Sees the results for their own accounts.",
    ),
]

_TASKS = [
    _role(
        "MANAGER",
        "Manager",
        Vocabulary.TASKS,
        READS
        | {
            Permission.DEPARTMENT_MANAGE,
            Permission.MEMBER_MANAGE,
            Permission.FLEET_MANAGE,
            Permission.COMPONENT_MANAGE,
            Permission.UTILISATION_RECORD,
            Permission.PROGRAMME_MANAGE,
            Permission.DIRECTIVE_MANAGE,
            Permission.ACCOMPLISHMENT_RECORD,
            Permission.WORK_ORDER_MANAGE,
            Permission.DEFECT_REPORT,
            Permission.FEED_POST,
            Permission.FEED_MODERATE,
            Permission.DOCUMENT_UPLOAD,
            Permission.DOCUMENT_MANAGE,
            Permission.WORKFORCE_MANAGE,
            Permission.AUTHORISATION_MANAGE,
            Permission.RELEASE_REVOKE,
            Permission.RELEASE_MANAGE,
            Permission.FINDING_RESPOND,
        },
        "Full access to the work and the people, without restrictions of hours.",
    ),
    _role(
        "DEVELOPER",
        "Developer",
        Vocabulary.TASKS,
        STAFF | {Permission.UTILISATION_RECORD},
        "Works on assigned tasks, within working hours.",
    ),
    _role(
        "AUDITOR",
        "Auditor",
        Vocabulary.TASKS,
        READS,
        "Reads everything, the event log included; changes nothing.",
    ),
]

BUILT_IN: Mapping[str, BuiltInRole] = {role.key: role for role in [*_GENERAL, *_MAINTENANCE, *_CLOUD, *_TASKS]}


def permissions_of(roles: Iterable[str], custom: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """What roles allow together. Keys that are unknown by now, and permissions that are, allow nothing."""
    allowed: set[str] = set()
    for key in roles:
        if key in BUILT_IN:
            allowed |= BUILT_IN[key].permissions
        else:
            allowed |= ALL & set(custom.get(key, ()))
    return frozenset(str(permission) for permission in allowed)


def beyond(wanted: Iterable[str], held: frozenset[str]) -> list[str]:
    """Permissions someone would hand out (or take away) without holding them, in order."""
    return sorted(set(wanted) - held)

"""The one permission enum. `@requires(permission: …)` in the schema names its members."""

from enum import StrEnum


class Permission(StrEnum):
    """What a role may allow."""

    ORGANIZATION_READ = "ORGANIZATION_READ"
    ORGANIZATION_MANAGE = "ORGANIZATION_MANAGE"
    DEPARTMENT_READ = "DEPARTMENT_READ"
    DEPARTMENT_MANAGE = "DEPARTMENT_MANAGE"
    MEMBER_READ = "MEMBER_READ"
    MEMBER_MANAGE = "MEMBER_MANAGE"
    ROLE_MANAGE = "ROLE_MANAGE"
    EVENT_READ = "EVENT_READ"
    EVENT_MANAGE = "EVENT_MANAGE"
    FLEET_READ = "FLEET_READ"
    FLEET_MANAGE = "FLEET_MANAGE"
    UTILISATION_RECORD = "UTILISATION_RECORD"
    FEED_READ = "FEED_READ"
    FEED_POST = "FEED_POST"
    FEED_MODERATE = "FEED_MODERATE"
    QUALITY_READ = "QUALITY_READ"
    QUALITY_MANAGE = "QUALITY_MANAGE"
    AUDIT_PERFORM = "AUDIT_PERFORM"
    FINDING_RESPOND = "FINDING_RESPOND"


PERMISSION_DESCRIPTIONS: dict[Permission, str] = {
    Permission.ORGANIZATION_READ: "See the organization's settings.",
    Permission.ORGANIZATION_MANAGE: "Change the organization's settings.",
    Permission.DEPARTMENT_READ: "See departments and who is in them.",
    Permission.DEPARTMENT_MANAGE: "Create, change and delete departments and their members.",
    Permission.MEMBER_READ: "See members, their names, e-mail addresses and roles.",
    Permission.MEMBER_MANAGE: "Add and remove members and change their roles.",
    Permission.ROLE_MANAGE: "Create, change and delete the organization's own roles.",
    Permission.EVENT_READ: "Read the event log and subscribe to it.",
    Permission.EVENT_MANAGE: "Decide how long the event log is kept.",
    Permission.FLEET_READ: "See aircraft types, aircraft and utilisation.",
    Permission.FLEET_MANAGE: "Create, change, import and delete aircraft types and aircraft.",
    Permission.UTILISATION_RECORD: "Record and correct utilisation.",
    Permission.FEED_READ: "Read the feed of the organization and of one's own departments.",
    Permission.FEED_POST: "Post to the feed, and change and delete one's own messages.",
    Permission.FEED_MODERATE: "Read and post in the feed of every department, and delete anybody's messages.",
    Permission.QUALITY_READ: "See audits, findings, corrective actions and the reminders that went out.",
    Permission.QUALITY_MANAGE: "Plan and close audits, accept corrective actions, extend, classify and close findings.",
    Permission.AUDIT_PERFORM: "Answer checklists, raise findings, report audits and verify corrective actions.",
    Permission.FINDING_RESPOND: "Answer findings of one's own: immediate action, corrective action, what was done.",
}

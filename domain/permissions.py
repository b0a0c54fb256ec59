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
    WORK_ORDER_READ = "WORK_ORDER_READ"
    WORK_ORDER_MANAGE = "WORK_ORDER_MANAGE"
    WORK_ORDER_SIGN = "WORK_ORDER_SIGN"
    DEFECT_REPORT = "DEFECT_REPORT"
    RELEASE_READ = "RELEASE_READ"
    RELEASE_ISSUE = "RELEASE_ISSUE"
    RELEASE_REVOKE = "RELEASE_REVOKE"
    RELEASE_MANAGE = "RELEASE_MANAGE"
    COMPONENT_MANAGE = "COMPONENT_MANAGE"
    MAINTENANCE_READ = "MAINTENANCE_READ"
    PROGRAMME_MANAGE = "PROGRAMME_MANAGE"
    DIRECTIVE_MANAGE = "DIRECTIVE_MANAGE"
    ACCOMPLISHMENT_RECORD = "ACCOMPLISHMENT_RECORD"
    DOCUMENT_READ = "DOCUMENT_READ"
    DOCUMENT_UPLOAD = "DOCUMENT_UPLOAD"
    DOCUMENT_MANAGE = "DOCUMENT_MANAGE"
    WORKFORCE_READ = "WORKFORCE_READ"
    WORKFORCE_MANAGE = "WORKFORCE_MANAGE"
    AUTHORISATION_MANAGE = "AUTHORISATION_MANAGE"
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
    Permission.FLEET_READ: "See aircraft types, aircraft, components and utilisation.",
    Permission.FLEET_MANAGE: "Create, change, import and delete aircraft types and aircraft.",
    Permission.UTILISATION_RECORD: "Record and correct utilisation.",
    Permission.WORK_ORDER_READ: "See work orders, task cards, sign-offs, defects and deferrals.",
    Permission.WORK_ORDER_MANAGE: "Plan, open, complete, close and cancel work orders and their task cards.",
    Permission.WORK_ORDER_SIGN: (
        "Start and sign task cards, and defer defects; each signature needs an effective authorisation too."
    ),
    Permission.DEFECT_REPORT: "Report defects of aircraft.",
    Permission.RELEASE_READ: "See certificates of release, their revocations and number series.",
    Permission.RELEASE_ISSUE: "Issue certificates of release, with an authorisation that is effective.",
    Permission.RELEASE_REVOKE: "Revoke certificates of release.",
    Permission.RELEASE_MANAGE: "Set up the number series of certificates and the keys that sign them.",
    Permission.COMPONENT_MANAGE: "Register, change, install, remove and overhaul components.",
    Permission.MAINTENANCE_READ: "See programmes, directives, what was done and what is due.",
    Permission.PROGRAMME_MANAGE: "Create and change maintenance programmes, and say which aircraft follow them.",
    Permission.DIRECTIVE_MANAGE: "Enter directives and decide which aircraft they apply to.",
    Permission.ACCOMPLISHMENT_RECORD: "Record and revoke accomplished tasks and directives complied with.",
    Permission.DOCUMENT_READ: "See documents and download them.",
    Permission.DOCUMENT_UPLOAD: "Upload evidence.",
    Permission.DOCUMENT_MANAGE: "Upload assets and templates, and delete documents that nothing refers to.",
    Permission.WORKFORCE_READ: "See courses, training, licences, authorisations and recent experience.",
    Permission.WORKFORCE_MANAGE: "Keep courses, training records, enrolments, licences and experience.",
    Permission.AUTHORISATION_MANAGE: "Issue, change, suspend and revoke authorisations.",
    Permission.FEED_READ: "Read the feed of the organization and of one's own departments.",
    Permission.FEED_POST: "Post to the feed, and change and delete one's own messages.",
    Permission.FEED_MODERATE: "Read and post in the feed of every department, and delete anybody's messages.",
    Permission.QUALITY_READ: "See audits, findings, corrective actions and the reminders that went out.",
    Permission.QUALITY_MANAGE: "Plan and close audits, accept corrective actions, extend, classify and close findings.",
    Permission.AUDIT_PERFORM: "Answer checklists, raise findings, report audits and verify corrective actions.",
    Permission.FINDING_RESPOND: "Answer findings of one's own: immediate action, corrective action, what was done.",
}

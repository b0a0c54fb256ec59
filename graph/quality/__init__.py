"""Compliance monitoring in the graph."""

from graph.core.room import Room
from graph.quality import actions, audits, checklists, findings, reminders

ROOM = Room(
    projections=[
        audits.Audit,
        checklists.AuditChecklistItem,
        findings.Finding,
        actions.CorrectiveAction,
        reminders.Reminder,
    ],
    queries=[
        *audits.QUERIES,
        *checklists.QUERIES,
        *findings.QUERIES,
        *actions.QUERIES,
        *reminders.QUERIES,
    ],
    mutations=[*audits.MUTATIONS, *checklists.MUTATIONS, *findings.MUTATIONS, *actions.MUTATIONS],
    subscriptions=[
        *audits.SUBSCRIPTIONS,
        *checklists.SUBSCRIPTIONS,
        *findings.SUBSCRIPTIONS,
        *actions.SUBSCRIPTIONS,
    ],
)

"""Imports every module with tables, so that `Base.metadata` is complete. New tables: add a line here."""

import db.collaboration.feed
import db.collaboration.notifications
import db.collaboration.presence
import db.events.archives
import db.events.heads
import db.events.heartbeats
import db.events.jobs
import db.events.log
import db.events.outbox
import db.files.documents
import db.files.uploads
import db.fleet.aircraft
import db.fleet.aircraft_types
import db.fleet.components
import db.fleet.utilisation
import db.idempotency
import db.identity.departments
import db.identity.memberships
import db.identity.organizations
import db.identity.roles
import db.identity.sessions
import db.identity.users
import db.maintenance.defects
import db.maintenance.directives
import db.maintenance.due
import db.maintenance.programme
import db.maintenance.releases
import db.maintenance.task_cards
import db.maintenance.work_orders
import db.operations
import db.quality.actions
import db.quality.audits
import db.quality.findings
import db.quality.reminders
import db.workforce.authorisations
import db.workforce.courses
import db.workforce.enrolments
import db.workforce.experience
import db.workforce.licences
import db.workforce.training_records  # noqa: F401 - for its table, as all of them
from db.base import Base

__all__ = ["Base"]

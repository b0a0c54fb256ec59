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
import db.fleet.aircraft
import db.fleet.aircraft_types
import db.fleet.utilisation
import db.idempotency
import db.identity.departments
import db.identity.memberships
import db.identity.organizations
import db.identity.roles
import db.identity.sessions
import db.identity.users
import db.operations
import db.quality.actions
import db.quality.audits
import db.quality.findings
import db.quality.reminders  # noqa: F401 - for its table, as all of them
from db.base import Base

__all__ = ["Base"]

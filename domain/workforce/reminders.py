"""What of people's papers expires: authorisations, licences, and the training that counts."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.identity.memberships import Membership, MembershipState
from db.identity.users import User
from db.quality.reminders import ReminderRule
from db.workforce.authorisations import Authorisation, AuthorisationState
from db.workforce.courses import Course
from db.workforce.licences import Licence
from db.workforce.training_records import TrainingRecord
from domain.reminders.rules import Reminder, horizon


async def due(session: AsyncSession, today: date) -> list[Reminder]:
    """Of the session's organization, what can have a step by `today`."""
    return [
        *await _authorisations(session, today),
        *await _licences(session, today),
        *await _training(session, today),
    ]


def _expiring(model: Any, rule: ReminderRule, today: date) -> tuple[ColumnElement[bool], ...]:
    """Papers of active members that expire soon and have not yet."""
    return (
        model.expires_on.between(today, horizon(rule, today)),
        Membership.org_id == model.org_id,
        Membership.user_id == model.user_id,
        Membership.state == MembershipState.ACTIVE,
        User.id == model.user_id,
    )


async def _authorisations(session: AsyncSession, today: date) -> list[Reminder]:
    rule, row = ReminderRule.AUTHORISATION, Authorisation
    rows = await session.execute(
        select(row.id, row.user_id, row.expires_on, row.number, User.name).where(
            row.state == AuthorisationState.ACTIVE, *_expiring(row, rule, today)
        )
    )
    return [
        Reminder(rule, "aut", id, expires_on, f"Authorisation {number} of {name}", user_id)
        for id, user_id, expires_on, number, name in rows
        if expires_on is not None
    ]


async def _licences(session: AsyncSession, today: date) -> list[Reminder]:
    rule, row = ReminderRule.LICENCE, Licence
    rows = await session.execute(
        select(row.id, row.user_id, row.expires_on, row.authority, row.number, User.name).where(
            *_expiring(row, rule, today)
        )
    )
    return [
        Reminder(rule, "lic", id, expires_on, f"Licence {authority} {number} of {name}", user_id)
        for id, user_id, expires_on, authority, number, name in rows
        if expires_on is not None
    ]


async def _training(session: AsyncSession, today: date) -> list[Reminder]:
    rule, row = ReminderRule.TRAINING, TrainingRecord
    rows = await session.execute(
        select(row.id, row.user_id, row.expires_on, Course.code, Course.name, User.name.label("person")).where(
            row.is_current,
            Course.org_id == row.org_id,
            Course.id == row.course_id,
            *_expiring(row, rule, today),
        )
    )
    return [
        Reminder(rule, "tr", id, expires_on, f"Training {code} “{name}” of {person}", user_id)
        for id, user_id, expires_on, code, name, person in rows
        if expires_on is not None
    ]

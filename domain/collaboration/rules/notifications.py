"""Which events people are told of: who, and in what words. One table, one line an event.

Nobody is told what they did themselves, unless it concerns the safety of their account: then whoever did it may not
have been them.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from db.collaboration.notifications import NotificationChannel, NotificationKind
from domain.permissions import Permission

IN_APP, MAIL = NotificationChannel.IN_APP, NotificationChannel.MAIL
LONGEST = 1000
EXCERPT = 200

# What holds for whoever has not said otherwise.
USUAL: Mapping[NotificationKind, frozenset[NotificationChannel]] = {
    NotificationKind.MEMBERSHIP: frozenset({IN_APP, MAIL}),
    NotificationKind.SECURITY: frozenset({IN_APP, MAIL}),
    NotificationKind.AIRCRAFT_STATUS: frozenset({IN_APP}),
    NotificationKind.UTILISATION_CORRECTED: frozenset({IN_APP, MAIL}),
    NotificationKind.FEED_MESSAGE: frozenset({IN_APP}),
    NotificationKind.REMINDER: frozenset({IN_APP, MAIL}),
    NotificationKind.ESCALATION: frozenset({IN_APP, MAIL}),
}


@dataclass(frozen=True)
class Happening:
    """An event of the log, as far as it matters here."""

    type: str
    target_id: UUID
    actor_id: UUID | None = None
    impersonated: bool = False
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """What the rules need to know beside the event: how things stand when it is read."""

    organization: str = ""
    members: Mapping[UUID, frozenset[str]] = field(default_factory=dict)  # active people: what they may do
    names: Mapping[UUID, str] = field(default_factory=dict)  # people who are or were members
    roles: Mapping[str, str] = field(default_factory=dict)  # keys of roles: what they are called
    memberships: Mapping[UUID, UUID] = field(default_factory=dict)  # a membership's person
    registrations: Mapping[UUID, str] = field(default_factory=dict)  # of aircraft
    reporters: Mapping[UUID, UUID | None] = field(default_factory=dict)  # who wrote an entry of the utilisation log
    departments: Mapping[UUID, str] = field(default_factory=dict)
    places: Mapping[UUID, frozenset[UUID]] = field(default_factory=dict)  # a department's people
    new_devices: frozenset[UUID] = frozenset()  # sessions on a device that the person had not used before

    @cached_property
    def holders(self) -> Mapping[str, frozenset[UUID]]:
        """Who has a permission: a page has many events, and an organization many people."""
        found: dict[str, set[UUID]] = {}
        for person, held in self.members.items():
            for permission in held:
                found.setdefault(permission, set()).add(person)
        return {permission: frozenset(people) for permission, people in found.items()}


@dataclass(frozen=True)
class Notice:
    """An event told to people."""

    kind: NotificationKind
    text: str
    people: frozenset[UUID]
    mail: bool


Audience = Callable[[Happening, Facts], Iterable[UUID | None]]
Words = Callable[[Happening, Facts], str]


@dataclass(frozen=True)
class Rule:
    """`own`: also who did it is told. `former`: also who is no longer a member. `mail`: a mail may go out; not so when
    another one tells the same already."""

    kind: NotificationKind
    who: Audience
    words: Words
    own: bool = False
    former: bool = False
    mail: bool = True


def notice(happening: Happening, facts: Facts) -> Notice | None:
    """Who is told of an event, and how; None when nobody is."""
    rule = RULES.get(happening.type)
    if rule is None:
        return None
    people = {person for person in rule.who(happening, facts) if person is not None}
    if not rule.own:
        people -= {happening.actor_id}
    people &= facts.names.keys() if rule.former else facts.members.keys()
    if not people:
        return None
    return Notice(rule.kind, rule.words(happening, facts)[:LONGEST], frozenset(people), rule.mail)


def notice_id(event_id: UUID, user_id: UUID) -> UUID:
    """The id of the one notification of a person about an event: a UUIDv7 of the event's moment."""
    digest = hashlib.blake2b(event_id.bytes + user_id.bytes, digest_size=10).digest()
    made = int.from_bytes(event_id.bytes[:6] + digest)
    return UUID(int=made & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62))


def wanted(
    kind: NotificationKind, channel: NotificationChannel, said: Mapping[tuple[str, str], bool] | None = None
) -> bool:
    """Whether a person is told of a kind of event there; `said` holds where they differ from what is usual."""
    return (said or {}).get((kind, channel), channel in USUAL[kind])


# -- who ---------------------------------------------------------------------------------------------------------------


def _member(event: Happening, facts: Facts) -> Iterable[UUID | None]:
    return [facts.memberships.get(event.target_id)]


def _named(event: Happening, _facts: Facts) -> Iterable[UUID | None]:
    return [uuid_or_none(event.after.get("user_id") or event.before.get("user_id"))]


def _target(event: Happening, _facts: Facts) -> Iterable[UUID | None]:
    return [event.target_id]


def _actor(event: Happening, _facts: Facts) -> Iterable[UUID | None]:
    return [event.actor_id]


def _on_new_device(event: Happening, facts: Facts) -> Iterable[UUID | None]:
    return [event.actor_id] if event.target_id in facts.new_devices and not event.impersonated else []


def _holding(permission: Permission) -> Audience:
    def who(_event: Happening, facts: Facts) -> Iterable[UUID | None]:
        return facts.holders.get(permission, ())

    return who


def _readers(event: Happening, facts: Facts) -> Iterable[UUID | None]:
    """Who reads the feed, of the message's department if it has one; not those who read it only to moderate."""
    department = uuid_or_none(event.after.get("department_id"))
    readers = facts.holders.get(Permission.FEED_READ, frozenset())
    return readers & facts.places.get(department, frozenset()) if department else readers


def _reporter(event: Happening, facts: Facts) -> Iterable[UUID | None]:
    entry = uuid_or_none(event.after.get("corrects_id"))
    return [facts.reporters.get(entry)] if entry else []


def _addressed(event: Happening, _facts: Facts) -> Iterable[UUID | None]:
    return [uuid_or_none(person) for person in event.after.get("people", ())]


# -- in what words -----------------------------------------------------------------------------------------------------


def _somebody(event: Happening, facts: Facts) -> str:
    if event.actor_id is None:
        return "Opsgraph"
    if event.impersonated:
        return "A superuser of the platform"
    return facts.names.get(event.actor_id, "Somebody")


def _listed(keys: Any, facts: Facts) -> str:
    return ", ".join(facts.roles.get(str(key), str(key)) for key in keys or ()) or "nothing"


def _added(event: Happening, facts: Facts) -> str:
    roles = _listed(event.after.get("roles"), facts)
    return f"{_somebody(event, facts)} made you a member of {facts.organization}: {roles}."


def _roles_changed(event: Happening, facts: Facts) -> str:
    before, after = _listed(event.before.get("roles"), facts), _listed(event.after.get("roles"), facts)
    return f"{_somebody(event, facts)} changed your roles in {facts.organization} from {before} to {after}."


def _removed(event: Happening, facts: Facts) -> str:
    return f"{_somebody(event, facts)} ended your membership in {facts.organization}."


PLACES = {"LEAD": "its lead", "MEMBER": "one of its members", "VIEWER": "one of its viewers"}


def _placed(event: Happening, facts: Facts) -> str:
    department = facts.departments.get(event.target_id, "a department")
    role = PLACES.get(str(event.after.get("role")), "one of its people")
    return f"{_somebody(event, facts)} put you into {department}: you are {role}."


def _displaced(event: Happening, facts: Facts) -> str:
    return f"{_somebody(event, facts)} took you out of {facts.departments.get(event.target_id, 'a department')}."


def _password(_event: Happening, _facts: Facts) -> str:
    return "Your password was set anew, and all your sessions ended. If it was not you, reset it at once."


def _signed_in(event: Happening, _facts: Facts) -> str:
    device = excerpt(str(event.after.get("user_agent") or "an unknown device"))
    address = excerpt(str(event.after.get("address") or "an unknown address"))
    return f"You signed in on a new device: {device}, from {address}. If it was not you, sign out everywhere."


def _stolen(_event: Happening, _facts: Facts) -> str:
    return "A session of yours was ended, because a refresh token came back that was spent: it may have been stolen."


def _status(event: Happening, facts: Facts) -> str:
    name = facts.registrations.get(event.target_id, "an aircraft")
    return f"{_somebody(event, facts)} set {name} from {event.before.get('status')} to {event.after.get('status')}."


def _corrected(event: Happening, facts: Facts) -> str:
    name = facts.registrations.get(event.target_id, "an aircraft")
    minutes, cycles = event.after.get("minutes", 0), event.after.get("cycles", 0)
    return (
        f"{_somebody(event, facts)} corrected what you recorded for {name} on {event.after.get('flown_on')}"
        f" by {minutes:+d} minutes and {cycles:+d} cycles."
    )


def _posted(event: Happening, facts: Facts) -> str:
    # Not what it says: that must be gone when the message is deleted.
    department = uuid_or_none(event.after.get("department_id"))
    place = facts.departments.get(department, "a department") if department else facts.organization
    return f"{_somebody(event, facts)} wrote in the feed of {place}."


def _said(event: Happening, _facts: Facts) -> str:
    return str(event.after["text"])


def excerpt(text: str) -> str:
    """The text on one line, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"


def uuid_or_none(text: Any) -> UUID | None:
    try:
        return UUID(str(text)) if text else None
    except ValueError:
        return None


# -- the table ---------------------------------------------------------------------------------------------------------

_MEMBERSHIP, _SECURITY = NotificationKind.MEMBERSHIP, NotificationKind.SECURITY

RULES: Mapping[str, Rule] = {
    # Who is added gets a mail with a link to set a password, or to sign in (domain/identity/mails.py).
    "membership.added": Rule(_MEMBERSHIP, _member, _added, mail=False),
    "membership.roles_changed": Rule(_MEMBERSHIP, _member, _roles_changed),
    "membership.removed": Rule(_MEMBERSHIP, _member, _removed, former=True),
    "department.member_set": Rule(_MEMBERSHIP, _named, _placed),
    "department.member_removed": Rule(_MEMBERSHIP, _named, _displaced),
    # An event of the organization that the person joined first, who may have left it.
    "user.password_reset": Rule(_SECURITY, _target, _password, own=True, former=True),
    "session.started": Rule(_SECURITY, _on_new_device, _signed_in, own=True),
    "session.token_reused": Rule(_SECURITY, _actor, _stolen, own=True),
    "aircraft.status_changed": Rule(NotificationKind.AIRCRAFT_STATUS, _holding(Permission.FLEET_MANAGE), _status),
    "aircraft.utilisation_corrected": Rule(NotificationKind.UTILISATION_CORRECTED, _reporter, _corrected),
    "feed.posted": Rule(NotificationKind.FEED_MESSAGE, _readers, _posted),
    # The runner of reminders has decided who hears of it, and in what words (domain/reminders/rules.py).
    "reminder.due": Rule(NotificationKind.REMINDER, _addressed, _said),
    "reminder.escalated": Rule(NotificationKind.ESCALATION, _addressed, _said),
}

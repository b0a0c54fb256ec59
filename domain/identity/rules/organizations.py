"""What an organization starts with and what its settings may be."""

from zoneinfo import available_timezones

from db.identity.organizations import Module, OrganizationKind

TIME_ZONES = frozenset(available_timezones())

MODULES_BY_KIND: dict[OrganizationKind, tuple[Module, ...]] = {
    OrganizationKind.AMO: (Module.FLEET, Module.MAINTENANCE, Module.QUALITY, Module.WORKFORCE),
    OrganizationKind.FBO: (Module.GROUND, Module.FLEET, Module.WORKFORCE),
    OrganizationKind.OPERATIONS: (Module.SYSTEMS, Module.TASKS),
    OrganizationKind.CLOUD: (Module.CLOUD, Module.TASKS),
    OrganizationKind.SOFTWARE: (Module.TASKS, Module.SYSTEMS),
}


def time_zone_problem(name: str) -> str | None:
    """Why a time zone is refused; None for a name of the IANA database."""
    if name in TIME_ZONES:
        return None
    return f"'{name[:60]}' is no time zone of the IANA database; use one like 'Europe/Lisbon' or 'UTC'."

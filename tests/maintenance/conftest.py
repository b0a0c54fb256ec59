"""An organization of its own for every test of maintenance."""

from tests.fleet.conftest import actor, api, owner, stranger

__all__ = ["actor", "api", "owner", "stranger"]

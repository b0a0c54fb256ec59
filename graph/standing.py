"""Whether a token that opened a stream still stands: it expires, its session ends, its permissions change."""

import asyncio
from time import time

import jwt

from domain.context import Actor
from domain.errors import ForbiddenError, UnauthenticatedError
from domain.identity.tenancy import Authenticator
from runtime.logging import get_logger

# When it cannot be asked whether a session still stands, ask again after these waits, then end the stream.
ASK_AGAIN_AFTER = (0.0, 1.0, 2.0, 4.0, 8.0)
EXPIRED = "The access token has expired; refresh it and connect again."

log = get_logger("opsgraph.standing")


class UnknownStandingError(Exception):
    """It could not be found out; not knowing is no reason to go on showing what may no longer be seen."""


def seconds_left(token: str) -> float:
    """How long a token, which the authenticator has verified, is still good."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return max(0.0, float(claims["exp"]) - time())


async def still_standing(authenticator: Authenticator, token: str, before: Actor) -> Actor:
    """The token's actor as of now, who may all that `before` may.

    Raises UnauthenticatedError, ForbiddenError when permissions were lost, UnknownStandingError."""
    for wait in ASK_AGAIN_AFTER:
        await asyncio.sleep(wait)
        try:
            now = await authenticator.actor(token)
        except UnauthenticatedError:
            raise
        except Exception as error:
            log.warning("session could not be checked", error=repr(error))
            continue
        if before.permissions - now.permissions or before.org_id != now.org_id:
            raise ForbiddenError("Your permissions have changed; connect again.")
        return now
    raise UnknownStandingError("The session could not be checked; connect again.")

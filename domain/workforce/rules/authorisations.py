"""The states of an authorisation: `ACTIVE <-> SUSPENDED`, and `REVOKED` from both, which is final."""

from db.workforce.authorisations import AuthorisationState
from domain.errors import ErrorCode, refuse


def next_state(now: AuthorisationState, to: AuthorisationState) -> AuthorisationState:
    """`to`, when it can follow; the state it has already is no change."""
    if now is AuthorisationState.REVOKED and to is not now:
        raise refuse(ErrorCode.NOT_ALLOWED, "A revoked authorisation stays revoked; issue another.")
    return to

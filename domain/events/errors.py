"""How following the log can end. Each says what the client should do next."""

from domain.errors import OperationError


class ResyncError(OperationError):
    """The cursor cannot be continued (another epoch, or its events are gone): read the lists again, then
    subscribe without a cursor."""

    code = "RESYNC"


class SlowConsumerError(OperationError):
    """The consumer fell too far behind: subscribe again after the last cursor it got."""

    code = "SLOW_CONSUMER"


class ShutdownError(OperationError):
    """This process stops: subscribe again, elsewhere or later, after the last cursor."""

    code = "SHUTTING_DOWN"

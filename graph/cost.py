"""What operations cost, in points. A point stands for ten scalar values in an answer: about 20 µs of work.

Reads are estimated when they are compiled, from the pages they may return: every selected field counts once for each
row it may be rendered for, a row and a to-one object count extra. The rest has a fixed price.
"""

from domain.errors import OperationError

# Weights, ten of which make a point.
FIELD, OBJECT, ROW, COUNT = 1, 5, 10, 200
POINT = 10

REFUSED = 1
UNCHANGED = 1  # a conditional GET that is answered 304
MUTATION = 20  # for each root field
SUBSCRIPTION = 20
INTROSPECTION = 500  # for each root field: graphql-core resolves it field by field
TOKENS_A_POINT = 2  # parsing, validating and planning a document that is not known yet

UNREPORTED = b"}"


class TooCostlyError(OperationError):
    """One operation costs more than the organization's plan allows for one."""

    code = "COST_LIMIT_EXCEEDED"

    def __init__(self, requested: int, limit: int) -> None:
        super().__init__(
            f"The operation costs {requested} points and one may cost {limit}: ask for smaller pages or fewer fields."
        )
        self.extensions = {"cost": {"requested": requested, "limit": limit}}


def points(weight: int) -> int:
    """The price of a read: at least one point."""
    return 1 + weight // POINT


def bucket(count: int) -> int:
    """`count` rounded up to a power of two: plans for many ids are told apart by this, and priced by it."""
    return 1 << max(count - 1, 0).bit_length()


def report(requested: int, limit: int, remaining: int) -> bytes:
    """The end of an answer that reports its cost; UNREPORTED is the end of one that does not."""
    return b',"extensions":{"cost":{"requested":%d,"limit":%d,"remaining":%d}}}' % (requested, limit, remaining)

"""Which compression a client takes, by its Accept-Encoding header."""

from functools import lru_cache


@lru_cache(maxsize=256)
def accepts_gzip(header: bytes) -> bool:
    """Whether gzip is taken, and not less gladly than no compression. Without the header nothing is assumed."""
    weights: dict[bytes, float] = {}
    for part in header.lower().split(b","):
        name, *parameters = (piece.strip() for piece in part.split(b";"))
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition(b"=")
            if key.strip() == b"q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        weights[b"gzip" if name == b"x-gzip" else name] = weight
    gzip = weights.get(b"gzip", weights.get(b"*", 0.0))
    return gzip > 0 and gzip >= weights.get(b"identity", 0.0)

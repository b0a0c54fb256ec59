"""Whether a picture can be drawn. Assets are drawn into documents long after whoever uploaded them has gone: then a
damaged one, or one that takes gigabytes when it is unpacked, is everybody's trouble."""

import io

from domain.errors import ErrorCode, UserError

MOST_PIXELS = 16_000_000
FORMATS = ("PNG", "JPEG", "WEBP")


def problems(data: bytes) -> list[UserError]:
    """What speaks against drawing it. Takes some tenths of a second for the largest."""
    from PIL import Image  # only who uploads a picture waits for it

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return [_too_large()]
            picture.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return [_too_large()]
    except Exception:  # whatever a decoder stumbles over
        message = "The picture is damaged, and cannot be drawn; save it again, and stage that file."
        return [UserError(ErrorCode.INVALID, message, ("id",))]
    return []


def _too_large() -> UserError:
    message = f"The picture has more than {MOST_PIXELS // 1_000_000} million pixels; make it smaller."
    return UserError(ErrorCode.OUT_OF_RANGE, message, ("id",))

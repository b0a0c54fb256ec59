"""Whether a picture can be drawn. The platform draws some into documents long after whoever uploaded them has gone:
then a damaged one, one that unpacks to gigabytes, or one that takes hours, is everybody's trouble."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory

from domain import apart
from domain.errors import ErrorCode, UserError

MOST_PIXELS = 16_000_000
FORMATS = ("PNG", "JPEG", "WEBP")
MESSAGES = {
    b"large": (
        ErrorCode.OUT_OF_RANGE,
        f"The picture has more than {MOST_PIXELS // 1_000_000} million pixels; make it smaller.",
    ),
    b"damaged": (ErrorCode.INVALID, "The picture is damaged, and cannot be drawn; save it again, and stage that file."),
    None: (ErrorCode.INVALID, "The picture takes too long to draw; save it again, not progressive, and stage that."),
}


async def problems(data: bytes) -> list[UserError]:
    """What speaks against drawing it."""
    found = MESSAGES.get(await apart.apart(__name__, data))
    return [UserError(*found, ("id",))] if found else []


def judged(data: bytes) -> bytes:
    """A key of MESSAGES, or "fine". The program that will draw it is asked whether it can."""
    import typst  # only this process needs these two
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return b"large"
        with TemporaryDirectory(prefix="opsgraph-picture-") as folder:
            (Path(folder) / "picture").write_bytes(data)
            page = Path(folder) / "page.typ"
            page.write_text(f'#image("picture", format: "{(picture.format or "").lower().replace("jpeg", "jpg")}")')
            typst.compile(str(page), root=folder, format="pdf", ignore_system_fonts=True)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return b"large"
    except Exception:  # whatever a decoder stumbles over
        return b"damaged"
    return b"fine"


if __name__ == "__main__":
    apart.answer(judged)

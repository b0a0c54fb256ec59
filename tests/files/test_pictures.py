"""Pictures that the platform will draw: whole, damaged, and made to keep it busy."""

import io

import pytest
from PIL import Image

from domain import apart
from domain.errors import RateLimitedError
from domain.files import pictures


def picture(format: str, width: int = 40, height: int = 20, **options: bool) -> bytes:
    out = io.BytesIO()
    Image.new({"PNG": "1", "JPEG": "L", "WEBP": "RGB"}[format], (width, height)).save(out, format, **options)
    return out.getvalue()


async def messages(data: bytes) -> list[str]:
    return [error.message for error in await pictures.problems(data)]


@pytest.mark.parametrize("format", pictures.FORMATS)
async def test_whole_and_damaged(format: str) -> None:
    whole = picture(format)
    assert await messages(whole) == []
    [message] = await messages(whole[: len(whole) // 2])
    assert "is damaged" in message


@pytest.mark.parametrize("side", [4_001, 12_000])
def test_a_small_file_is_not_unpacked_to_a_giant(side: int) -> None:
    data = picture("PNG", side, side)
    assert len(data) < 500_000
    assert pictures.judged(data) == b"large"


async def test_a_picture_that_is_drawn_over_for_hours() -> None:
    """A progressive JPEG whose last scan, of some thirty bytes, comes again and again over sixteen million pixels."""
    data = picture("JPEG", 4_000, 4_000, progressive=True)
    last, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    hostile = data[:end] + 20_000 * data[last:end] + data[end:]
    assert len(hostile) < 1_000_000
    assert len(await messages(hostile)) == 1


async def test_what_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "WAIT_SECONDS", 0.0)
    [message] = await messages(picture("PNG"))
    assert "takes too long" in message


async def test_only_some_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_running", apart.AT_ONCE)
    with pytest.raises(RateLimitedError, match="try again"):
        await messages(picture("PNG"))

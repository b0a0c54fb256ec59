"""What files may be: their names, types and sizes, by what they are for.

The type that a client states, the ending of the name and the content must say the same. The content is recognised by
its first bytes; that proves what programs will take it for, not that it is harmless, so files are only ever sent as
attachments. SVG is left out: it is a program that browsers run.
"""

import unicodedata

import filetype

from db.files.documents import DocumentPurpose
from domain.errors import ErrorCode, UserError

MEGABYTE = 1_000_000
LONGEST_NAME = 200

ENDINGS: dict[str, tuple[str, ...]] = {
    "application/pdf": ("pdf",),
    "image/png": ("png",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/webp": ("webp",),
    "image/tiff": ("tif", "tiff"),
    "image/heic": ("heic", "heif"),
}
IMAGES = ("image/png", "image/jpeg", "image/webp")
TYPES: dict[DocumentPurpose, tuple[str, ...]] = {
    # Scans and photographs as hangars have them: multi-page TIFF from copiers, HEIC from telephones.
    DocumentPurpose.EVIDENCE: ("application/pdf", *IMAGES, "image/tiff", "image/heic"),
    DocumentPurpose.ASSET: IMAGES,
    DocumentPurpose.TEMPLATE: ("application/pdf", *IMAGES),
    DocumentPurpose.CERTIFICATE: ("application/pdf",),
}
LARGEST: dict[DocumentPurpose, int] = {
    DocumentPurpose.EVIDENCE: 25 * MEGABYTE,
    DocumentPurpose.ASSET: 5 * MEGABYTE,
    DocumentPurpose.TEMPLATE: 10 * MEGABYTE,
    DocumentPurpose.CERTIFICATE: 25 * MEGABYTE,
}


def clean_name(name: str) -> str:
    """A file's own name: composed characters, single spaces, without the folders some browsers send."""
    bare = name.replace("\\", "/").rpartition("/")[2]
    return " ".join(unicodedata.normalize("NFC", bare).split())


def problems(name: str, content_type: str, size: int, purpose: DocumentPurpose) -> list[UserError]:
    """Everything that speaks against a file as it is announced; `name` is clean."""
    return [*_name_problems(name), *_type_problems(name, content_type, purpose), *_size_problems(size, purpose)]


def content_problems(data: bytes, content_type: str) -> list[UserError]:
    """What speaks against the content of a file that was announced as `content_type`."""
    found = recognised(data)
    if found == content_type:
        return []
    what = f"is {found}" if found in ENDINGS else "is of no type that is taken"
    message = f"The content {what}, not {content_type} as was announced; stage the file again as what it is."
    return [UserError(ErrorCode.INVALID, message, ("id",))]


def is_drawn(content_type: str, purpose: DocumentPurpose) -> bool:
    """Whether the platform draws it itself, and does not only keep it."""
    return content_type in IMAGES and purpose in (DocumentPurpose.ASSET, DocumentPurpose.TEMPLATE)


def recognised(data: bytes) -> str | None:
    """The type of the content by its first bytes; None when it is none that is known."""
    found = filetype.guess_mime(data[:8192])
    return str(found) if found else None


def _name_problems(name: str) -> list[UserError]:
    path = ("input", "name")
    if not name:
        return [UserError(ErrorCode.REQUIRED, "Give the file's name.", path)]
    if len(name) > LONGEST_NAME:
        return [UserError(ErrorCode.TOO_LONG, f"Use at most {LONGEST_NAME} characters for the name.", path)]
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn") for character in name):
        return [UserError(ErrorCode.INVALID, "The name has a character that cannot be printed; type it again.", path)]
    return []


def _type_problems(name: str, content_type: str, purpose: DocumentPurpose) -> list[UserError]:
    taken = TYPES[purpose]
    if content_type not in taken:
        message = f"{content_type[:100] or 'Nothing'} is not taken for {purpose}; use one of {', '.join(taken)}."
        return [UserError(ErrorCode.INVALID, message, ("input", "contentType"))]
    endings = ENDINGS[content_type]
    if name and name.rpartition(".")[2].lower() not in endings:
        message = f"A file of type {content_type} has a name that ends with .{' or .'.join(endings)}."
        return [UserError(ErrorCode.INVALID, message, ("input", "name"))]
    return []


def _size_problems(size: int, purpose: DocumentPurpose) -> list[UserError]:
    largest = LARGEST[purpose]
    path = ("input", "size")
    if size < 1:
        return [UserError(ErrorCode.OUT_OF_RANGE, "The file is empty; its size is at least 1 byte.", path)]
    if size > largest:
        message = f"The file has {size:,} bytes; for {purpose} at most {largest:,} are taken."
        return [UserError(ErrorCode.OUT_OF_RANGE, message, path)]
    return []

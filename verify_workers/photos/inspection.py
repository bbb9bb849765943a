"""What a picture is, before and after decoding: the rules by which a photo is refused, and the clean picture of it.

Runs only inside the limited process of `verify_workers/photos/child.py`. Guarantee: of what was sent nothing is copied
but pixels: no EXIF, no profile, no comment, no trailer. Pillow's JPEG and PNG readers are called by name, so that no
other format's code is ever loaded, and the size in pixels is judged from the header, before a pixel is decoded.
"""

import io
import re

from PIL import Image, ImageFilter, ImageOps, ImageStat, TiffImagePlugin
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from registration.checks import Reason

JPEG_MAGIC = b"\xff\xd8\xff"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
# Phones of 2026 make pictures of 12 to 50 million pixels; more is refused unread.
PIXEL_LIMIT = 50_000_000
SIDE_LIMIT = 16_384
# A JPEG is decoded at a fraction of its size when it is larger: the limit is for what is decoded whole.
PNG_PIXEL_LIMIT = 25_000_000
LONG_SIDE = 1_600
# Below this the letters on the card, a seventh of the picture, cannot be told apart.
LEAST_LONG_SIDE = 600
LEAST_SHORT_SIDE = 400
_JPEG_QUALITY = 85
# On 0 to 255. Measured on drawn scenes: lit by one candle about 15, in a room 60 to 180, into the sun above 235.
_DARKEST = 35.0
_BRIGHTEST = 232.0
# Variance of the Laplacian at 800 pixels: a sharp scene has hundreds, one out of focus by 1 % of its width below 20.
_SHARPNESS_SIDE = 800
_LEAST_SHARPNESS = 20.0
_LAPLACIAN = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)
# What another program would take the same bytes for: a page, a script, a document. A photo has no use for any of these.
_OTHER_FORMAT = re.compile(rb"<script|<html|<!doctype|<iframe|<\?php|%PDF-|<svg[\s>]", re.IGNORECASE)


# Reads EXIF, for the one thing that counts in it: which way is up. Loaded here, since later nothing can be opened.
_EXIF_READER = TiffImagePlugin.ImageFileDirectory_v2
# Where an archive begins and where it ends; both by chance in ten megabytes is one case in two hundred thousand.
_ZIP_MARKS = (b"PK\x03\x04", b"PK\x05\x06")


class Refused(Exception):  # noqa: N818 - named by consequence
    """The picture is refused, for a reason that the applicant can act on."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def clean(sent: bytes) -> bytes:
    """The clean picture as JPEG, upright, at most `LONG_SIDE` pixels; raises `Refused`.

    A `MemoryError` passes: with the limits above it is this machine's trouble, not the picture's.
    """
    picture = _decoded(_opened(sent))
    _judge(picture)
    kept = io.BytesIO()
    picture.save(kept, "JPEG", quality=_JPEG_QUALITY)
    return kept.getvalue()


def _opened(sent: bytes) -> Image.Image:
    """The picture with its header read and judged, and no pixel decoded."""
    if _OTHER_FORMAT.search(sent) or all(mark in sent for mark in _ZIP_MARKS):
        raise Refused(Reason.PHOTO_NOT_READABLE)
    try:
        picture = _header(sent)
    except MemoryError:
        raise
    except Exception as error:  # whatever Pillow says of hostile bytes, they are no photo
        raise Refused(Reason.PHOTO_NOT_READABLE) from error
    pixels = picture.width * picture.height
    limit = PIXEL_LIMIT if isinstance(picture, JpegImageFile) else PNG_PIXEL_LIMIT
    if pixels > limit or max(picture.size) > SIDE_LIMIT:
        raise Refused(Reason.PHOTO_TOO_LARGE)
    if max(picture.size) < LEAST_LONG_SIDE or min(picture.size) < LEAST_SHORT_SIDE:
        raise Refused(Reason.PHOTO_TOO_SMALL)
    if getattr(picture, "is_animated", False):
        raise Refused(Reason.PHOTO_NOT_READABLE)
    return picture


def _header(sent: bytes) -> Image.Image:
    if sent.startswith(JPEG_MAGIC):
        return JpegImageFile(io.BytesIO(sent))
    if sent.startswith(PNG_MAGIC):
        return PngImageFile(io.BytesIO(sent))
    raise ValueError("neither JPEG nor PNG")


def _decoded(picture: Image.Image) -> Image.Image:
    """The pixels, upright and no larger than is kept."""
    try:
        picture.draft(
            "RGB", (LONG_SIDE, LONG_SIDE)
        )  # a JPEG is decoded at an eighth, a quarter or a half where that does
        picture.load()
        upright = ImageOps.exif_transpose(picture)
        upright.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.BOX)
        plain = Image.new("RGB", upright.size, "white")
        if "A" in upright.getbands() or "transparency" in upright.info:
            upright = upright.convert("RGBA")
            plain.paste(upright, mask=upright.getchannel("A"))
        else:
            plain.paste(upright.convert("RGB"))
    except MemoryError:
        raise
    except Exception as error:
        raise Refused(Reason.PHOTO_NOT_READABLE) from error
    return plain


def _judge(picture: Image.Image) -> None:
    """Raise `Refused` when nobody could recognise a face or read a card on it."""
    grey = picture.convert("L")
    grey.thumbnail((_SHARPNESS_SIDE, _SHARPNESS_SIDE), Image.Resampling.BOX)
    (light,) = ImageStat.Stat(grey).mean
    if light < _DARKEST:
        raise Refused(Reason.PHOTO_TOO_DARK)
    if light > _BRIGHTEST:
        raise Refused(Reason.PHOTO_TOO_BRIGHT)
    inner = grey.filter(_LAPLACIAN).crop(
        (1, 1, grey.width - 1, grey.height - 1)
    )  # a filter leaves the border as it was
    (sharpness,) = ImageStat.Stat(inner).var
    if sharpness < _LEAST_SHARPNESS:
        raise Refused(Reason.PHOTO_BLURRED)

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
# Mean light, 0 to 255, beyond which nothing is seen whatever stands out.
_DARKEST = 35.0
_BRIGHTEST = 238.0
# How much the sharpest hundredth of a picture stands out. A sensor's noise alone gives up to 32; print is read down to
# about 40: curves over light, focus and noise in docs/photos.md, by tools/photo_curve.py.
_LEAST_EDGE = 36
# Where edges are too weak, the light says why: in this range it was the focus.
_DIM = 70.0
_GLARING = 200.0
_EDGE_SIDE = 800
_EDGE_SHARE = 0.01
# Noise changes from pixel to pixel, print over several: what is finer than this is smoothed away first.
_NOISE_RADIUS = 1.5
_EDGE_GAIN = 8
_MIDDLE = 128
_LAPLACIAN = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1 / _EDGE_GAIN, offset=_MIDDLE)
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
    light, edge = measured(picture)
    if light < _DARKEST or (edge < _LEAST_EDGE and light < _DIM):
        raise Refused(Reason.PHOTO_TOO_DARK)
    if light > _BRIGHTEST or (edge < _LEAST_EDGE and light > _GLARING):
        raise Refused(Reason.PHOTO_TOO_BRIGHT)
    if edge < _LEAST_EDGE:
        raise Refused(Reason.PHOTO_BLURRED)


def measured(picture: Image.Image) -> tuple[float, int]:
    """Its mean light, 0 to 255, and how much its sharpest hundredth stands out, 0 to 127."""
    grey = picture.convert("L")
    grey.thumbnail((_EDGE_SIDE, _EDGE_SIDE), Image.Resampling.BOX)
    light: float = ImageStat.Stat(grey).mean[0]
    edges = grey.filter(ImageFilter.GaussianBlur(_NOISE_RADIUS)).filter(_LAPLACIAN)
    counts = edges.crop((1, 1, grey.width - 1, grey.height - 1)).histogram()  # a filter leaves the border as it was
    left = _EDGE_SHARE * sum(counts)
    for strength in range(_MIDDLE - 1, 0, -1):
        left -= counts[_MIDDLE + strength] + counts[_MIDDLE - strength]
        if left <= 0:
            return light, strength
    return light, 0

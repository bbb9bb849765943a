"""Pictures for tests, drawn here: honest ones, and ones that mean harm."""

import io
import random
import struct
import zipfile
import zlib

from PIL import Image, ImageDraw, ImageFilter

CANARY = b"EXIF-CANARY-6.1754S-106.8272E"


def scene(width: int = 1_200, height: int = 900) -> Image.Image:
    """A drawn person with a card, as sharp and as light as a photo taken in a room."""
    chance = random.Random(7)  # noqa: S311 - a picture
    picture = Image.new("RGB", (width, height), (150, 140, 130))
    draw = ImageDraw.Draw(picture)
    for _ in range(60):
        x, y, side = chance.randrange(width), chance.randrange(height), chance.randrange(20, 160)
        draw.rectangle((x, y, x + side, y + side), fill=tuple(chance.randrange(60, 220) for _ in range(3)))
    draw.ellipse((width * 0.3, height * 0.1, width * 0.6, height * 0.7), fill=(200, 160, 130))
    draw.rectangle((width * 0.55, height * 0.55, width * 0.95, height * 0.9), fill=(120, 170, 220))
    for line in range(8):
        place = (width * 0.57, height * (0.57 + 0.035 * line))
        draw.text(place, "NIK : 3174014302900001 PROVINSI", fill=(10, 10, 10), font_size=height * 0.028)
    return picture


def jpeg(picture: Image.Image, **options: object) -> bytes:
    """As JPEG."""
    return _saved(picture, "JPEG", quality=85, **options)


def png(picture: Image.Image, **options: object) -> bytes:
    """As PNG."""
    return _saved(picture, "PNG", **options)


def with_everything() -> bytes:
    """An honest JPEG with EXIF (turned, with a place), a profile and a comment, each with the canary in it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = CANARY.decode()
    exif.get_ifd(0x8825)[29] = CANARY.decode()
    return jpeg(scene(), exif=exif, icc_profile=b"\0" * 128 + CANARY, comment=CANARY)


def dark() -> bytes:
    """As by candle light."""
    return jpeg(scene().point(lambda value: int(value * 0.1)))


def bright() -> bytes:
    """As into the sun."""
    return jpeg(scene().point(lambda value: min(255, int(value * 0.1) + 235)))


def blurred() -> bytes:
    """Out of focus."""
    return jpeg(scene().filter(ImageFilter.GaussianBlur(6)))


def blurred_with_noise(sigma: float = 12.0) -> bytes:
    """Out of focus, taken in the evening: what is fine on it is the sensor's noise."""
    picture = scene().filter(ImageFilter.GaussianBlur(8))
    noise = Image.effect_noise(picture.size, sigma)
    back = [max(0, min(255, 2 * (value - 64))) for value in range(256)]
    return jpeg(Image.merge("RGB", [Image.blend(band, noise, 0.5).point(back) for band in picture.split()]))


def dim() -> bytes:
    """In the evening, by a lamp in the next room: not black, and nothing can be read."""
    return jpeg(scene().point(lambda value: 30 + int(value * 0.15)))


def pale() -> bytes:
    """Held against a lamp: not white, and nothing can be read."""
    return jpeg(scene().point(lambda value: 200 + int(value * 0.1)))


def small() -> bytes:
    """As a messaging app shows it."""
    return jpeg(scene().resize((320, 240)))


def hostile() -> dict[str, bytes]:
    """What no honest camera makes, by name; none of it may be accepted."""
    honest = jpeg(scene())
    lossless = png(scene(800, 600))
    return {
        "empty": b"",
        "text": b"not a photo " * 1_000,
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "gif and jar": b"GIF89a" + _zipped(),
        "jpeg and jar": honest + _zipped(),
        "png and jar": lossless + _zipped(),
        "jpeg and page": jpeg(scene(), comment=b"<html><script>alert(1)</script></html>"),
        "jpeg, then page": honest + b"<!DOCTYPE html><html>",
        "jpeg and php": jpeg(scene(), comment=b"<?php system($_GET[0]); ?>"),
        "jpeg and pdf": jpeg(scene(), comment=b"%PDF-1.7"),
        "zip in a comment": jpeg(scene(), comment=_zipped()),
        "truncated jpeg": honest[: len(honest) // 2],
        "truncated png": lossless[: len(lossless) // 2],
        "head only": honest[:24],
        "jpeg that says png": b"\x89PNG\r\n\x1a\n" + honest,
        "gif by the name of jpeg": _saved(scene(800, 600), "GIF"),
        "tiff": _saved(scene(800, 600), "TIFF"),
        "bmp": _saved(scene(800, 600), "BMP"),
        "webp": _saved(scene(800, 600), "WEBP"),
        "png bomb": _png_of(50_000, 50_000),
        "png bomb within the sides": _png_of(16_000, 16_000),
        "png that is all zeros": _png_of(4_000, 4_000, filled=True),
        "png with huge sides": _png_of(2**31 - 1, 2**31 - 1),
        "png of 100 megapixels": _png_of(10_000, 10_000),
        "jpeg of 100 megapixels": _resized_head(honest, 10_000, 10_000),
        "jpeg with huge sides": _resized_head(honest, 65_500, 65_500),
        "animated png": png(scene(800, 600), save_all=True, append_images=[scene(800, 600).rotate(180)]),
        "profile bomb": _with_chunk(lossless, b"iCCP", b"x\0\0" + zlib.compress(b"\0" * 50_000_000)),
        "text bomb": _with_chunk(lossless, b"zTXt", b"x\0\0" + zlib.compress(b"\0" * 50_000_000)),
        "wrong checksum": lossless[:60] + bytes([lossless[60] ^ 0xFF]) + lossless[61:],
    }


def _saved(picture: Image.Image, form: str, **options: object) -> bytes:
    kept = io.BytesIO()
    picture.save(kept, form, **options)
    return kept.getvalue()


def _zipped() -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Main-Class: Evil")
    return kept.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png_of(width: int, height: int, *, filled: bool = False) -> bytes:
    """A PNG of those sides whose pixels are a few bytes of zeros, or as many as it says."""
    rows = zlib.compress(b"\0" * ((3 * width + 1) * height if filled else 1_000_000), 9)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _with_chunk(lossless: bytes, kind: bytes, content: bytes) -> bytes:
    return lossless[:33] + _chunk(kind, content) + lossless[33:]


def _resized_head(honest: bytes, width: int, height: int) -> bytes:
    at = honest.index(b"\xff\xc0") + 5
    return honest[:at] + struct.pack(">HH", height, width) + honest[at + 4 :]

"""Drawn selfies with a KTP, since there are no real ones here: a face, a card with print, what stands behind.

Without noise the same scene is the same picture everywhere. Nothing is kept.
"""

import io
import random
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 1_200, 1_600
CARD = (330, 1_000, 1_030, 1_440)
JPEG_QUALITY = 85
_LENS_BLUR = 1.2


class Scene(NamedTuple):
    """Where somebody takes the picture: how busy the background is, and how light all of it."""

    name: str
    things: int
    wall: tuple[int, int, int]


SCENES = (
    Scene("plain wall", 0, (176, 170, 160)),
    Scene("room", 25, (150, 140, 130)),
    Scene("market", 160, (120, 120, 115)),
)


def drawn(scene: Scene) -> Image.Image:
    """A face, a hand's breadth of card with print of the size that it has there, and what stands behind."""
    chance = random.Random(scene.name)  # noqa: S311 - a picture
    picture = Image.new("RGB", (WIDTH, HEIGHT), scene.wall)
    draw = ImageDraw.Draw(picture)
    for _ in range(scene.things):
        x, y = chance.randrange(WIDTH), chance.randrange(HEIGHT)
        side = chance.randrange(40, 260)
        shade = chance.randrange(50, 210)
        draw.rectangle((x, y, x + side, y + side), fill=(shade, shade - 10, shade - 20))
    draw.ellipse((320, 180, 860, 900), fill=(186, 140, 112))
    draw.pieslice((300, 120, 880, 760), 180, 360, fill=(38, 30, 28))
    for x in (470, 650):
        draw.ellipse((x, 480, x + 70, 520), fill=(240, 236, 230))
        draw.ellipse((x + 22, 484, x + 50, 514), fill=(30, 22, 20))
    draw.arc((500, 640, 690, 760), 20, 160, fill=(120, 60, 60), width=10)
    draw.rectangle(CARD, fill=(150, 190, 222))
    draw.text((360, 1_030), "PROVINSI DKI JAKARTA", fill=(20, 20, 24), font_size=36)
    draw.text((360, 1_085), "NIK : 3174014302900001", fill=(20, 20, 24), font_size=40)
    for line in range(8):
        draw.text((360, 1_150 + 34 * line), "Nama : SITI RAHAYU  Tempat/Tgl Lahir", fill=(30, 30, 34), font_size=24)
    return picture.filter(ImageFilter.GaussianBlur(_LENS_BLUR))


def noisy(picture: Image.Image, sigma: float) -> Image.Image:
    """With a sensor's noise, of this deviation."""
    noise = Image.effect_noise(picture.size, sigma)
    back = [max(0, min(255, 2 * (value - 64))) for value in range(256)]
    return Image.merge("RGB", [Image.blend(channel, noise, 0.5).point(back) for channel in picture.split()])


def jpeg(picture: Image.Image) -> bytes:
    """As a phone keeps it."""
    kept = io.BytesIO()
    picture.save(kept, "JPEG", quality=JPEG_QUALITY)
    return kept.getvalue()

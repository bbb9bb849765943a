"""How light and how sharp made-up phone pictures are, as the photo worker measures them: the curve in docs/photos.md.

    .venv/bin/python tools/photo_curve.py

There are no real photos here. Each picture is a drawn selfie with KTP, as a cheap phone's front camera sees it: soft
lens, exposure in stops, sensor noise, JPEG. The last column but one says whether the card's small print still stands
out from its ground, measured on the same picture without noise: what can be computed of what an eye would say.
"""

import io
import random
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFilter, ImageStat

from verify_workers.photos.inspection import Refused, clean, measured

WIDTH, HEIGHT = 1_200, 1_600
CARD = (330, 1_000, 1_030, 1_440)
STOPS = (0.0, -1.0, -2.0, -3.0, -4.0, -5.0, 1.0, 2.0, 3.0)
BLURS = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
NOISES = (2.0, 6.0, 12.0)
LENS_BLUR = 1.2
JPEG_QUALITY = 85
# Print as dark as its ground to within so much cannot be read.
LEAST_CONTRAST = 12.0


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
    return picture.filter(ImageFilter.GaussianBlur(LENS_BLUR))


def seen(picture: Image.Image, *, stops: float, blur: float) -> Image.Image:
    """The same at another exposure, by stops of light, and out of focus by a radius in pixels."""
    light = 2.0**stops
    curve = [min(255, round(255 * min(1.0, light * (value / 255) ** 2.2) ** (1 / 2.2))) for value in range(256)]
    return picture.filter(ImageFilter.GaussianBlur(blur)).point(curve * 3) if blur else picture.point(curve * 3)


def noisy(picture: Image.Image, sigma: float) -> Image.Image:
    """With a sensor's noise, of this deviation."""
    noise = Image.effect_noise(picture.size, sigma)
    back = [max(0, min(255, 2 * (value - 64))) for value in range(256)]
    return Image.merge("RGB", [Image.blend(channel, noise, 0.5).point(back) for channel in picture.split()])


def is_readable(picture: Image.Image) -> bool:
    """Whether the smallest print on the card stands out from its ground."""
    left, _, right, bottom = CARD
    print_ = picture.convert("L").crop((left + 30, 1_150, right - 120, bottom - 20))
    return ImageStat.Stat(print_).stddev[0] >= LEAST_CONTRAST


def said(picture: Image.Image) -> tuple[float, int, str]:
    """Light, edge, and what the worker says of it once it came as a JPEG."""
    kept = io.BytesIO()
    picture.save(kept, "JPEG", quality=JPEG_QUALITY)
    try:
        clean(kept.getvalue())
        verdict = "accepted"
    except Refused as refused:
        verdict = refused.reason.value.removeprefix("photo_")
    with Image.open(io.BytesIO(kept.getvalue())) as sent:
        return *measured(sent.convert("RGB")), verdict


def rows() -> Iterator[str]:
    """One line of the table for each picture."""
    for scene in SCENES:
        base = drawn(scene)
        for stops in STOPS:
            yield row(scene.name, seen(base, stops=stops, blur=0), stops=stops, blur=0)
        for blur in BLURS[1:]:
            yield row(scene.name, seen(base, stops=0, blur=blur), stops=0, blur=blur)


def row(scene: str, picture: Image.Image, *, stops: float, blur: float) -> str:
    """One picture under each noise."""
    measures = [said(noisy(picture, sigma)) for sigma in NOISES]
    edges = " · ".join(str(edge) for _, edge, _ in measures)
    verdicts = " · ".join(dict.fromkeys(verdict for _, _, verdict in measures))
    stands_out = "yes" if is_readable(picture) else "no"
    return f"| {scene} | {stops:+.0f} | {blur:.0f} | {measures[0][0]:.0f} | {edges} | {stands_out} | {verdicts} |"


def main() -> None:
    """Print the table."""
    print("| scene | stops | blur, px | light | edge at noise 2 · 6 · 12 | print stands out | the worker says |")
    print("|---|---|---|---|---|---|---|")
    for row in rows():
        print(row)


if __name__ == "__main__":
    main()

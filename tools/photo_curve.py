"""How light and how sharp made-up phone pictures are, as the photo worker measures them: the curve in docs/photos.md.

    .venv/bin/python tools/photo_curve.py

There are no real photos here. Each picture is a drawn selfie with KTP, as a cheap phone's front camera sees it: soft
lens, exposure in stops, sensor noise, JPEG. The last column but one says whether the card's small print still stands
out from its ground, measured on the same picture without noise: what can be computed of what an eye would say.
"""

import io
from collections.abc import Iterator

from PIL import Image, ImageFilter, ImageStat

from simulators.selfies import CARD, SCENES, drawn, jpeg, noisy
from verify_workers.photos.inspection import Refused, clean, measured

STOPS = (0.0, -1.0, -2.0, -3.0, -4.0, -5.0, 1.0, 2.0, 3.0)
BLURS = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
NOISES = (2.0, 6.0, 12.0)
# Print as dark as its ground to within so much cannot be read.
LEAST_CONTRAST = 12.0


def seen(picture: Image.Image, *, stops: float, blur: float) -> Image.Image:
    """The same at another exposure, by stops of light, and out of focus by a radius in pixels."""
    light = 2.0**stops
    curve = [min(255, round(255 * min(1.0, light * (value / 255) ** 2.2) ** (1 / 2.2))) for value in range(256)]
    return picture.filter(ImageFilter.GaussianBlur(blur)).point(curve * 3) if blur else picture.point(curve * 3)


def is_readable(picture: Image.Image) -> bool:
    """Whether the smallest print on the card stands out from its ground."""
    left, _, right, bottom = CARD
    print_ = picture.convert("L").crop((left + 30, 1_150, right - 120, bottom - 20))
    return ImageStat.Stat(print_).stddev[0] >= LEAST_CONTRAST


def said(picture: Image.Image) -> tuple[float, int, str]:
    """Light, edge, and what the worker says of it once it came as a JPEG."""
    kept = jpeg(picture)
    try:
        clean(kept)
        verdict = "accepted"
    except Refused as refused:
        verdict = refused.reason.value.removeprefix("photo_")
    with Image.open(io.BytesIO(kept)) as sent:
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

"""The corpus of hostile pictures against the rules, and the limits of the process that looks at them."""

import io
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from PIL.JpegImagePlugin import JpegImageFile

from registration.checks import Reason
from tests import photos
from verify_workers.photos import child, inspection
from verify_workers.photos.inspection import Refused, clean

HOSTILE = photos.hostile()
REASONS = {
    photos.dark: Reason.PHOTO_TOO_DARK,
    photos.bright: Reason.PHOTO_TOO_BRIGHT,
    photos.blurred: Reason.PHOTO_BLURRED,
    photos.blurred_with_noise: Reason.PHOTO_BLURRED,
    photos.dim: Reason.PHOTO_TOO_DARK,
    photos.pale: Reason.PHOTO_TOO_BRIGHT,
    photos.small: Reason.PHOTO_TOO_SMALL,
}
_ANSWER_BYTES = 64


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_hostile_is_accepted(name: str) -> None:
    """Each is refused with a reason, and none of them is an error of ours."""
    with pytest.raises(Refused):
        clean(HOSTILE[name])


@pytest.mark.parametrize("name", ["png of 100 megapixels", "jpeg of 100 megapixels", "png with huge sides"])
def test_a_picture_of_too_many_pixels_is_refused_by_its_header(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pixel of it is decoded."""
    monkeypatch.setattr(inspection, "_decoded", lambda _picture: pytest.fail("it was decoded"))
    with pytest.raises(Refused):
        clean(HOSTILE[name])


@pytest.mark.parametrize("drawn", REASONS)
def test_a_picture_on_which_nothing_can_be_read_says_why(drawn: Callable[[], bytes]) -> None:
    """Each flaw has a reason of its own, which tells what to do."""
    with pytest.raises(Refused) as refused:
        clean(drawn())
    assert refused.value.reason is REASONS[drawn]


def test_of_an_honest_picture_only_pixels_are_kept() -> None:
    """No EXIF, profile or comment is left, nor any marker that could hold one, and the picture stands upright."""
    kept = clean(photos.with_everything())

    assert photos.CANARY not in kept
    assert not {0xE1, 0xE2, 0xED, 0xFE} & set(_markers(kept))
    picture = JpegImageFile(io.BytesIO(kept))
    assert (picture.width, picture.height) == (900, 1_200)
    assert not picture.getexif()


def test_a_see_through_png_is_accepted() -> None:
    """What a screenshot tool or an editor makes of a photo."""
    assert clean(photos.png(photos.scene(800, 600).convert("RGBA"))).startswith(b"\xff\xd8\xff")


def test_the_worst_pictures_stay_within_the_limits_of_their_process() -> None:
    """One process after another: a peak of memory below the limit, in little time, and an answer in words."""
    for name in ("png bomb within the sides", "profile bomb", "png that is all zeros"):
        said, peak_bytes = _inspected(HOSTILE[name])
        assert said in {reason.encode() + b"\n" for reason in Reason}
        assert peak_bytes < child.MEMORY_LIMIT_BYTES


def test_the_limits_hold_and_no_reader_but_two_is_loaded() -> None:
    """More memory, a file or another format is not to be had, whatever a picture makes the reader do."""
    probe = (
        "import sys; from verify_workers.photos import child; child.limit(); "
        "from verify_workers.photos import inspection; "
        "loaded = {name for name in sys.modules if name.endswith('ImagePlugin')}; "
        "print(sorted(loaded)); "
        "bytearray(child.MEMORY_LIMIT_BYTES)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, check=False)  # noqa: S603 - ours

    expected = ["PIL.JpegImagePlugin", "PIL.PngImagePlugin", "PIL.TiffImagePlugin"]  # TIFF's reads EXIF
    assert done.stdout.decode().strip() == str(expected)
    assert b"MemoryError" in done.stderr


def _inspected(sent: bytes) -> tuple[bytes, int]:
    """What the process answers, and its peak of memory.

    As the kernel counts it for the program itself (VmHWM): `ru_maxrss` begins with what the parent had when it forked.
    """
    watched = (
        "import runpy, sys; status = open('/proc/self/status'); "
        "runpy.run_module('verify_workers.photos.child', run_name='__main__'); "
        "sys.stderr.write(status.read())"
    )
    done = subprocess.run([sys.executable, "-c", watched], input=sent, capture_output=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr
    peak = re.search(rb"VmHWM:\s+(\d+) kB", done.stderr)
    assert peak is not None, done.stderr
    return done.stdout, int(peak[1]) * 1024


def _markers(picture: bytes) -> list[int]:
    """The markers of a JPEG up to its pixels."""
    found, at = [], 2
    while picture[at + 1] != 0xDA:
        found.append(picture[at + 1])
        at += 2 + int.from_bytes(picture[at + 2 : at + 4], "big")
    return found

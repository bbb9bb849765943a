"""Profiles one front-door process under load, with the standard library's cProfile.

cProfile makes Python several times slower; the profile says where time goes, not how much a registration costs.
"""

import io
import pstats
from pathlib import Path

from loadtest.bench import field
from loadtest.bench.field import Ground
from loadtest.bench.rounds import Bench, Measurement

FILE = "ingest.prof"
_FUNCTIONS = 40


def run(ground: Ground, bench: Bench, *, folder: Path) -> Measurement:
    """Load one process, stop it so that it writes its profile, and print the functions that cost most."""
    folder.mkdir(parents=True, exist_ok=True)
    path = (folder / FILE).absolute()
    contender = field.front_door(ground, python_options=("-m", "cProfile", "-o", str(path)), processes=1)
    measurement = bench.measure(contender, 1)
    bench.say(f"{measurement.load.accepted:,} accepted under cProfile; {measurement.flaw or 'all stored'}")
    bench.say(top(path))
    bench.say(f"written: {path}")
    return measurement


def top(path: Path) -> str:
    """The functions with the most time of their own."""
    text = io.StringIO()
    pstats.Stats(str(path), stream=text).strip_dirs().sort_stats("tottime").print_stats(_FUNCTIONS)
    return text.getvalue().strip()

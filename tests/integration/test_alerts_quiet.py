"""Healthy days and waves page nobody: the real rules in the real promtool over made-up histories."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.made_history import History, sound
from tests.promtool import names, needs_promtool, run_promtool


def wave(peak: float) -> Callable[[float], float]:
    """An opening after ten minutes: a rush of minutes that ebbs away."""
    return lambda t: 2.0 if t < 600 else 2.0 + peak * math.exp(-((t - 600) / 900))


def silent(history: History) -> Mapping[str, Any]:
    """A promtool test that not one alert fires at any moment, neither page nor ticket."""
    end = (history.count - 1) * history.step
    return {
        "interval": f"{history.step}s",
        "input_series": list(history.promtool(names())),
        "promql_expr_test": [
            {
                "expr": f'count(count_over_time(ALERTS{{alertstate="firing",alertname!="Watchdog"}}[{end}s]))',
                "eval_time": f"{end}s",
                "exp_samples": [],
            }
        ],
    }


@needs_promtool
def test_a_quiet_day_tells_nobody_anything(tmp_path: Path) -> None:
    """Hours in which hardly anybody comes are no fault."""
    day = sound(step=60, seconds=86_400, rate=lambda t: 0.5 + 0.4 * math.sin(t / 14_000))
    assert run_promtool(tmp_path, [silent(day)], every_seconds=60) == ""


@needs_promtool
def test_five_healthy_waves_tell_nobody_anything(tmp_path: Path) -> None:
    """Neither does a rush, as long as all is well in it."""
    waves = [
        sound(step=60, seconds=3_600, rate=wave(peak), seed=index)
        for index, peak in enumerate((50, 200, 500, 800, 1_000))
    ]
    assert run_promtool(tmp_path, [silent(history) for history in waves], every_seconds=60) == ""

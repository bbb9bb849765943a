"""Healthy days and waves page nobody: the real rules in the real promtool over made-up histories."""

import math
from collections.abc import Callable
from pathlib import Path

from tests.made_history import sound
from tests.promtool import names, needs_promtool, run_promtool


def wave(peak: float) -> Callable[[float], float]:
    """An opening after ten minutes: a rush of minutes that ebbs away."""
    return lambda t: 2.0 if t < 600 else 2.0 + peak * math.exp(-((t - 600) / 900))


@needs_promtool
def test_a_quiet_day_and_five_healthy_waves_tell_nobody_anything(tmp_path: Path) -> None:
    """Not one alert at any moment, neither page nor ticket."""
    wanted = names()
    step = 60
    quiet = sound(step=step, seconds=86_400, rate=lambda t: 0.5 + 0.4 * math.sin(t / 14_000))
    waves = [
        sound(step=step, seconds=3_600, rate=wave(peak), seed=index)
        for index, peak in enumerate((50, 200, 500, 800, 1_000))
    ]
    tests = []
    for history in (quiet, *waves):
        end = (history.count - 1) * step
        tests.append(
            {
                "interval": f"{step}s",
                "input_series": list(history.promtool(wanted)),
                "promql_expr_test": [
                    {
                        "expr": f'count(count_over_time(ALERTS{{alertstate="firing",alertname!="Watchdog"}}[{end}s]))',
                        "eval_time": f"{end}s",
                        "exp_samples": [],
                    }
                ],
            }
        )
    assert run_promtool(tmp_path, tests, every_seconds=step) == ""

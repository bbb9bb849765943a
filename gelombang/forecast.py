"""`gelombang forecast`: how queues grow and drain over a wave, and what it takes; with `--replay`, on the real system.

The simulation starts nothing. A replay starts a stack of its own on a data directory below the results' folder, with a
stand-in registry of the capacity that is asked for, and removes it at the end.
"""

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from gelombang.errors import CommandError
from gelombang.stopping import stopped_by_term

if TYPE_CHECKING:
    from loadtest.forecast.model import Scenario
    from loadtest.forecast.replay import Compression
    from loadtest.forecast.session import Compared

# Facts of the first wave: what the registry did, and what would have been enough.
_REGISTRY_2020 = 8.3
_ENOUGH = 25.0
_MINUTE = 60.0


def forecast(  # noqa: PLR0913 - one parameter for each option
    *,
    profile: Annotated[str, typer.Option(help="Curve of arrivals, as for Locust.")] = "wave1",
    peak: Annotated[
        float | None, typer.Option(min=0.001, help="Arrivals per second at the curve's top; default as in 2020.")
    ] = None,
    ministry_rate: Annotated[
        list[float] | None, typer.Option(help="What the registry does per second; may be repeated.", show_default=False)
    ] = None,
    quota: Annotated[float, typer.Option(help="Calls a day that the registry allows.")] = math.inf,
    worker_rate: Annotated[float, typer.Option(help="NIK checks per second that the workers do.")] = math.inf,
    mail_rate: Annotated[float, typer.Option(help="Mails per second.")] = math.inf,
    text_rate: Annotated[float, typer.Option(help="Text messages per second.")] = math.inf,
    confirm_share: Annotated[float, typer.Option(min=0, max=1, help="Who presses the mailed link.")] = 0.742,
    confirm_minutes: Annotated[float, typer.Option(min=0, help="How long after the mail, on average.")] = 10.0,
    proof: Annotated[
        Path | None, typer.Option(help="A proof's record: what one front-door pod takes.", show_default=False)
    ] = None,
    measured: Annotated[
        Path | None, typer.Option(help="Data dir of a local stack: its busiest seconds are the rates.")
    ] = None,
    replay: Annotated[bool, typer.Option("--replay", help="Replay it on a stack of its own, compressed.")] = False,
    minutes: Annotated[float, typer.Option(min=0.1, help="Length of a replay.")] = 10.0,
    one_in: Annotated[float, typer.Option(min=1, help="One in so many people comes to a replay.")] = 20.0,
    watch_minutes: Annotated[
        float, typer.Option(min=0, help="Watch a replay's queue drain, for so long at most.")
    ] = 15.0,
    output: Annotated[Path, typer.Option(help="Folder for the reports.")] = Path("forecast-results"),
) -> None:
    """Forecast the queues of a wave, or replay it.

    Exit code 0: done; of a replay: the queue was gone within ±10 % of the time that was forecast. 1: it was not.
    2: it was not seen to be gone. 3: something is missing here.
    """
    from loadtest.arrivals.profiles import PROFILES, WAVE1_PEAK_PER_SECOND  # noqa: PLC0415 - slow to import
    from loadtest.forecast import session  # noqa: PLC0415
    from loadtest.forecast.model import Scenario  # noqa: PLC0415

    if profile not in PROFILES:
        raise CommandError(f"there is no profile {profile}; there are {', '.join(PROFILES)}")
    scenario = Scenario(
        peak=peak or WAVE1_PEAK_PER_SECOND,
        quota=quota,
        worker_rate=worker_rate,
        mail_rate=mail_rate,
        text_rate=text_rate,
        confirm_share=confirm_share,
        confirm_seconds=confirm_minutes * _MINUTE,
    )
    rates = ministry_rate or [_REGISTRY_2020, _ENOUGH]
    try:
        if replay:
            compression = session.compressed(profile, seconds=minutes * _MINUTE, one_in=one_in)
            cases = [msgspec.structs.replace(scenario, ministry_rate=rate) for rate in rates]
            found = [_replay(compression, case, output, watch_seconds=watch_minutes * _MINUTE) for case in cases]
            raise typer.Exit(max(one.closeness for one in found))
        known = session.measured(measured) if measured is not None else {}
        session.forecast(profile, scenario, rates, proof=proof, measured=known, output=output)
    except session.ENVIRONMENT_ERRORS as error:
        raise CommandError(str(error)) from error


def _replay(compression: "Compression", scenario: "Scenario", output: Path, *, watch_seconds: float) -> "Compared":
    from gelombang.prove import own_stack, signing_ring, system_of  # noqa: PLC0415 - for this only
    from loadtest.forecast import session  # noqa: PLC0415 - slow to import

    output.mkdir(parents=True, exist_ok=True)
    ring = signing_ring(None)
    with (
        stopped_by_term(),
        tempfile.TemporaryDirectory(prefix="data-", dir=output) as scratch,
        own_stack(Path(scratch), ring) as found,
    ):
        return session.replay(system_of(found, ring), compression, scenario, output, watch_seconds=watch_seconds)

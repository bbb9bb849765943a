"""What operators do with a wave, as `gelombang wave` does it: plan, open, close, select, announce. And what they check.

Whatever is killed under a step: either all of it has happened, and is read, or nothing, and it is done again.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from loadtest.rehearsal.findings import Claim
from loadtest.rehearsal.ground import Ground
from registration.lots import Lots
from registration.store import announcements, waves
from registration.store.waves import Lottery, WaveRecord
from registration.waves import Place, Wave, commitment, load_rules, publish

RECOMPUTE = Path(__file__).parents[2] / "tools" / "recompute_selection.py"
_POLL_SECONDS = 0.25
_SAY_SECONDS = 5.0
_LATE_JOINS = (
    "select 1 from joins as j join waves as w on w.number = j.wave where j.wave = $1 and j.joined_at >= w.closes_at"
)


class Operator:
    """One wave's."""

    def __init__(self, ground: Ground, *, number: int, quota: int) -> None:
        self._ground = ground
        self._database = ground.database
        self._number = number
        self._quota = quota
        self._lots = Lots(ground.ring)
        self._rules = load_rules()
        self._promised = ""

    async def open(self, *, seconds: float) -> datetime:
        """Plan and open the wave; gives when it closes."""
        now = datetime.now(UTC)
        wave = Wave(self._number, now - timedelta(seconds=1), now + timedelta(seconds=seconds), self._quota)
        nonce = os.urandom(16)
        self._promised = commitment(self._lots.lottery_seed(wave.number, nonce))
        lottery = Lottery(self._promised, nonce)
        await self._ground.insist(lambda: waves.plan(self._database, [wave], [lottery]))
        await self._ground.insist(
            lambda: waves.open_wave(self._database, wave.number, actor="rehearsal", override_reason="a rehearsal")
        )
        self._ground.say(f"wave {wave.number} is open for {seconds:g} s, quota {wave.quota:,}")
        return wave.closes_at

    async def close_early(self) -> None:
        """Close it now."""
        await self._ground.insist(lambda: waves.close_wave(self._database, self._number, early=True))

    async def see_closed(self, closes_at: datetime) -> None:
        """Wait until a worker has closed it."""
        await asyncio.sleep((closes_at - datetime.now(UTC)).total_seconds())
        while not (await self.record()).closed_at:  # noqa: ASYNC110 - a worker closes it, in another process
            await asyncio.sleep(_POLL_SECONDS)

    async def select(self) -> Sequence[Place]:
        """Everybody's place."""

        async def select() -> Sequence[Place]:
            try:
                return await waves.run_selection(
                    self._database, self._number, rules=self._rules, seed=self._lots.lottery_seed
                )
            except waves.NotReadyError:
                return await waves.read_places(self._database, self._number, rules=self._rules)

        return await self._ground.insist(select)

    async def announce(self) -> None:
        """Have everybody told, and wait until no message is left."""
        now = datetime.now(UTC)
        await self._ground.insist(lambda: announcements.plan(self._database, self._number, at=now, per_second=10_000.0))
        said_at = 0.0
        while (wave := await self.record()).untold:
            if time.monotonic() > said_at + _SAY_SECONDS:
                said_at = time.monotonic()
                self._ground.say(f"announced: {wave.told:,} of {wave.told + wave.untold:,} messages are out")
            await asyncio.sleep(_POLL_SECONDS)

    async def record(self) -> WaveRecord:
        """The wave as it stands."""
        (record,) = await self._ground.insist(lambda: waves.list_waves(self._database, self._number))
        return record

    async def claims(self, places: Sequence[Place]) -> Sequence[Claim]:
        """What has to be so of every wave that was selected."""
        wave = await self.record()
        late = await self._ground.insist(lambda: self._database.fetch(_LATE_JOINS, self._number))
        selected = sum(place.selected for place in places)
        recomputed = self._recompute(places, wave.lottery_seed or b"")
        return (
            Claim("nobody joined late", not late, f"{len(late)} rows"),
            Claim("the quota is exact", selected == wave.selected == min(self._quota, len(places)), f"{selected:,}"),
            Claim("anybody can recompute the list", recomputed.returncode == 0, recomputed.stdout.strip()),
        )

    def _recompute(self, places: Sequence[Place], seed: bytes) -> "subprocess.CompletedProcess[str]":
        published = self._ground.folder / "result.csv"
        publish(published, places)
        arguments = ["--seed", seed.hex(), "--commitment", self._promised, "--quota", str(self._quota)]
        return subprocess.run(  # noqa: S603 - our own script
            [sys.executable, "-I", str(RECOMPUTE), str(published), *arguments],
            check=False,
            capture_output=True,
            text=True,
        )

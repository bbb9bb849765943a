"""Whoever asks a registry claims the identity first, also one that was asked about a while ago."""

from collections.abc import Sequence
from datetime import date
from typing import Any, cast
from uuid import uuid4

import pytest

from registration.applicant import Applicant
from registration.checks import Kind, State
from registration.clock import SystemClock
from registration.settings import Settings
from registration.store.work import Verdict, Work
from verify_workers.kinds import registry
from verify_workers.kinds.registry import RegistryChecker

PERSON = Applicant("Siti", "Bandung", date(1990, 2, 3), "3273014302900001", "siti@surel.example", "+6281234567890")


class Claims:
    """Grants every claim, and notes it."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def take(self, identities: Sequence[bytes]) -> frozenset[bytes]:
        """Nobody else has any."""
        self.taken += identities
        return frozenset()

    def settle(self, identity: bytes) -> None:
        """The verdict is there."""


@pytest.mark.parametrize(("shared_seconds", "claimed"), [(60.0, 1), (0.0, 2)])
async def test_an_identity_whose_verdict_is_shared_no_longer_is_claimed_anew(
    monkeypatch: pytest.MonkeyPatch, shared_seconds: float, claimed: int
) -> None:
    """A worker that had nothing to do since then must not ask without a claim: another may ask at the same time."""
    monkeypatch.setattr(registry, "_SHARED_SECONDS", shared_seconds)
    settings = Settings(database_url="-", redis_url="-", keys="-", ministry_url="http://127.0.0.1:1")
    claims = Claims()
    checker = RegistryChecker(
        settings, settings.registries[Kind.NIK], claims=cast("Any", claims), gate=cast("Any", None), clock=SystemClock()
    )
    asked = 0

    async def ask(_person: Applicant, _work: Work) -> Verdict:
        nonlocal asked
        asked += 1
        return Verdict(State.VERIFIED)

    monkeypatch.setattr(checker, "_ask", ask)
    for _ in range(2):
        work = Work(uuid4(), b"", b"identity", version=1, attempts=0)
        await checker.prepare([(PERSON, work)])
        await checker.check(PERSON, work)
    assert (len(claims.taken), asked) == (claimed, claimed)

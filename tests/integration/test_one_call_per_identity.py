"""The same identity asked about by several registrations costs one call to the registry, also across workers."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from gelombang import embedded
from registration.checks import Kind
from registration.errors import Retryable
from registration.streams import keys
from registration.streams.claims import Claims
from registration.streams.streams import Streams

SECONDS = 30.0
IDENTITIES = [bytes([number]) * 16 for number in range(1, 6)]


def claims(streams: Streams, holder: str, seconds: float = SECONDS) -> Claims:
    return Claims(streams, kind=Kind.NIK, holder=holder, lease_seconds=seconds)


async def holders(streams: Streams, identities: Sequence[bytes]) -> frozenset[bytes]:
    """Those that anybody holds, as a stranger finds out."""
    stranger = claims(streams, "stranger")
    elsewhere = await stranger.take(identities)
    for identity in set(identities) - elsewhere:
        stranger.give_up(identity)
    await stranger.renew()
    return elsewhere


async def test_of_two_workers_one_asks(streams: Streams) -> None:
    """Who comes first has it, and has it still when asked again."""
    first, second = claims(streams, "1"), claims(streams, "2")

    assert await first.take(IDENTITIES[:3]) == frozenset()
    assert await second.take(IDENTITIES) == frozenset(IDENTITIES[:3])
    assert await first.take(IDENTITIES) == frozenset(IDENTITIES[3:])


async def test_of_many_workers_at_once_one_asks(streams: Streams) -> None:
    """Whatever their order."""
    answers = await asyncio.gather(*(claims(streams, str(worker)).take(IDENTITIES) for worker in range(20)))

    for identity in IDENTITIES:
        assert sum(identity not in elsewhere for elsewhere in answers) == 1


async def test_a_failed_call_gives_its_identity_up(streams: Streams) -> None:
    """With the next call to Valkey, whichever that is; what another holds by then stays with that one."""
    first, second = claims(streams, "1"), claims(streams, "2")
    await first.take(IDENTITIES[:2])
    first.give_up(IDENTITIES[0])
    await first.renew()

    assert await second.take(IDENTITIES[:2]) == frozenset({IDENTITIES[1]})
    first.give_up(IDENTITIES[0])
    await first.renew()
    assert IDENTITIES[0] in await holders(streams, IDENTITIES[:1])


async def test_a_verdict_s_claim_lapses_by_itself(streams: Streams) -> None:
    """It is not given up at once: by then the others read the verdict."""
    first = claims(streams, "1", seconds=0.2)
    await first.take(IDENTITIES[:2])
    first.settle(IDENTITIES[0])
    await first.renew()
    assert await holders(streams, IDENTITIES[:2]) == frozenset(IDENTITIES[:2])

    while IDENTITIES[0] in await holders(streams, IDENTITIES[:1]):
        await first.renew()
        await asyncio.sleep(0.02)
    assert IDENTITIES[1] in await holders(streams, IDENTITIES[1:2])


async def test_a_claim_lives_one_lease_beyond_its_worker(streams: Streams) -> None:
    """A worker that died holds nobody up for longer than its entries."""
    await claims(streams, "dead", seconds=0.1).take(IDENTITIES[:1])
    second = claims(streams, "2")
    while await second.take(IDENTITIES[:1]):  # noqa: ASYNC110 - Valkey tells nobody that a key has expired
        await asyncio.sleep(0.02)


@pytest.fixture
async def unreachable(servers: embedded.Servers) -> AsyncIterator[Streams]:
    made = Streams(servers.redis_url.replace("valkey", "nowhere"), timeout_seconds=0.2, cap=10)
    yield made
    await made.close()


async def test_without_valkey_nothing_is_claimed(unreachable: Streams) -> None:
    """The caller learns it, and asks by itself."""
    with pytest.raises(Retryable):
        await claims(unreachable, "1").take(IDENTITIES)


def test_a_claim_names_nobody() -> None:
    """Only a keyed digest stands in Valkey."""
    assert keys.identity(Kind.NIK, b"\x00\xff") == "verify:identity:00ff"

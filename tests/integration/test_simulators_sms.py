"""The SMS stand-in, over real sockets."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from simulators.stand_ins import StandIns

TO = "+6281234567890"


@pytest.fixture
async def gateway() -> AsyncIterator[aiohttp.ClientSession]:
    async with StandIns() as outside, aiohttp.ClientSession(outside.sms_url) as session:
        yield session


async def send(gateway: aiohttp.ClientSession, text: str = "Kode: 123456", to: str = TO) -> str:
    async with gateway.post("/api/messages", json={"to": to, "text": text, "reference": "r-1"}) as response:
        assert response.status == 202
        accepted: dict[str, str] = await response.json()
        return accepted["id"]


async def texts(gateway: aiohttp.ClientSession, query: str) -> list[str]:
    async with gateway.get(f"/api/messages?{query}") as response:
        assert response.status == 200
        return [message["text"] for message in await response.json()]


async def test_a_message_is_found_by_its_number(gateway: aiohttp.ClientSession) -> None:
    """A message that was accepted is there at once, with recipient, text and time, and no other's."""
    await send(gateway)
    async with gateway.get("/api/messages", params={"to": TO}) as response:
        [message] = await response.json()
    assert message.pop("received_at").endswith("Z")
    assert message == {"to": TO, "text": "Kode: 123456"}
    assert await texts(gateway, "to=%2B6281234567891") == []


async def test_accepted_messages_have_different_ids(gateway: aiohttp.ClientSession) -> None:
    """An id names one message."""
    assert await send(gateway) != await send(gateway)


@pytest.mark.parametrize("query", ["to=%2B6281234567890", "to=+6281234567890", "to=6281234567890", "to=081234567890"])
async def test_a_number_is_understood_however_it_is_written(gateway: aiohttp.ClientSession, query: str) -> None:
    """A plus may be escaped, spoilt into a space or missing, and a 0 may stand for the country code."""
    await send(gateway)
    assert await texts(gateway, query) == ["Kode: 123456"]


async def test_the_newest_message_comes_first(gateway: aiohttp.ClientSession) -> None:
    """Whoever waits for a code looks at the first; without a number all messages are listed."""
    await send(gateway, "satu")
    await send(gateway, "dua")
    await send(gateway, "tiga", to="+6281234567891")
    assert await texts(gateway, "to=%2B6281234567890") == ["dua", "satu"]
    assert await texts(gateway, "") == ["tiga", "dua", "satu"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"to": "+6281"}', b'{"to": 1, "text": "x"}', b'{"to": "\xff"}'])
async def test_a_request_that_cannot_be_read_is_refused(gateway: aiohttp.ClientSession, body: bytes) -> None:
    """A client's mistake is loud, and nothing is kept."""
    async with gateway.post("/api/messages", data=body) as response:
        assert response.status == 400
        assert (await response.json())["error"]
    assert await texts(gateway, "") == []


async def test_numbers_ending_in_0000_are_unreachable(gateway: aiohttp.ClientSession) -> None:
    """The gateway says so, and keeps nothing."""
    async with gateway.post("/api/messages", json={"to": "+6281234560000", "text": "x"}) as response:
        assert response.status == 422
        assert await response.json() == {"error": "unreachable"}
    assert await texts(gateway, "") == []


async def test_deleting_forgets_every_message(gateway: aiohttp.ClientSession) -> None:
    """An empty gateway for the next test."""
    await send(gateway)
    async with gateway.delete("/api/messages") as response:
        assert response.status == 204
    assert await texts(gateway, "") == []


async def test_people_read_messages_on_a_page(gateway: aiohttp.ClientSession) -> None:
    """The text itself stands in the list, as text."""
    await send(gateway, "<b>Kode</b>: 123456")
    async with gateway.get("/") as response:
        page = await response.text()
    assert "&lt;b&gt;Kode&lt;/b&gt;: 123456</a>" in page
    assert TO in page

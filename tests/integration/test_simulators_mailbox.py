"""The mailbox stand-in: mail goes in by SMTP and is read by HTTP, over real sockets."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
import aiosmtplib
import pytest

from simulators.mailbox import Mailbox
from simulators.received import Content, Received
from simulators.stand_ins import StandIns

TO = "budi@surel.example"


class Box(NamedTuple):
    """Both ends of the mailbox."""

    reader: aiohttp.ClientSession
    sender: aiosmtplib.SMTP


class TickingClock:
    """Every look is a second later."""

    def __init__(self) -> None:
        self._now = datetime(2026, 4, 11, tzinfo=UTC)

    def now(self) -> datetime:
        """A second after the last answer."""
        self._now += timedelta(seconds=1)
        return self._now


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with StandIns(clock=TickingClock()) as outside, aiohttp.ClientSession(outside.mailbox_url) as reader:
        smtp = urlsplit(outside.smtp_url)
        async with aiosmtplib.SMTP(hostname=smtp.hostname, port=smtp.port, start_tls=False) as sender:
            yield Box(reader, sender)


def mail(text: str = "Halo", *, to: str = TO, subject: str = "Kabar") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "gelombang@surel.example", to, subject
    message.set_content(text)
    return message


async def messages(box: Box, to: str = TO) -> list[dict[str, str]]:
    async with box.reader.get("/api/messages", params={"to": to}) as response:
        assert response.status == 200
        found: list[dict[str, str]] = await response.json()
        return found


async def page(box: Box, path: str) -> str:
    async with box.reader.get(path) as response:
        assert response.content_type == "text/html"
        return await response.text()


async def test_mail_is_found_by_its_recipient(box: Box) -> None:
    """A mail that was taken is there at once, with what its reader needs."""
    await box.sender.send_message(mail("Klik di sini.\nTerima kasih."))
    expected = {"to": TO, "subject": "Kabar", "text": "Klik di sini.\nTerima kasih.\n"}
    assert await messages(box) == [{**expected, "received_at": "2026-04-11T00:00:01Z"}]
    assert await messages(box, "siti@surel.example") == []


async def test_the_newest_mail_comes_first(box: Box) -> None:
    """Whoever waits for a mail looks at the first."""
    for subject in ("satu", "dua", "tiga"):
        await box.sender.send_message(mail(subject=subject))
    assert [message["subject"] for message in await messages(box)] == ["tiga", "dua", "satu"]


async def test_addresses_meet_whatever_their_case(box: Box) -> None:
    """People do not mind capitals in an address."""
    await box.sender.send_message(mail(to="Budi@Surel.Example"))
    assert len(await messages(box)) == 1


async def test_a_plus_in_the_address_may_arrive_as_a_space(box: Box) -> None:
    """An unescaped query string spoils the plus, which is mended."""
    await box.sender.send_message(mail(to="budi+1@surel.example"))
    assert len(await messages(box, "budi+1@surel.example")) == 1
    assert len(await messages(box, "budi 1@surel.example")) == 1


async def test_the_plain_part_of_a_multipart_mail_is_read(box: Box) -> None:
    """Of text and HTML the text counts, decoded from its transfer encoding and charset; so does the subject."""
    message = mail("Nomor Anda: é 😀 " + "panjang " * 40, subject="Verifikasi é")
    message.add_alternative("<p>HTML</p>", subtype="html")
    await box.sender.send_message(message)
    [received] = await messages(box)
    assert received["subject"] == "Verifikasi é"
    assert received["text"].strip() == ("Nomor Anda: é 😀 " + "panjang " * 40).strip()


async def test_a_mail_without_plain_text_reads_empty(box: Box) -> None:
    """HTML alone is not turned into text."""
    message = EmailMessage()
    message["From"], message["To"] = "gelombang@surel.example", TO
    message.set_content("<p>HTML</p>", subtype="html")
    await box.sender.send_message(message)
    [received] = await messages(box)
    assert (received["subject"], received["text"]) == ("", "")


async def test_a_mail_in_an_unknown_charset_is_kept(box: Box) -> None:
    """A mail that nobody can read is still a mail that came."""
    raw = b"Subject: x\r\nContent-Type: text/plain; charset=unknown-1\r\n\r\nHalo\r\n"
    await box.sender.sendmail("gelombang@surel.example", [TO], raw)
    assert [(message["subject"], message["text"]) for message in await messages(box)] == [("x", "Halo\n")]


async def test_every_recipient_gets_the_mail(box: Box) -> None:
    """One mail to two people is in two boxes."""
    await box.sender.send_message(mail(), recipients=[TO, "siti@surel.example"])
    assert len(await messages(box)) == 1
    assert len(await messages(box, "siti@surel.example")) == 1


async def test_bouncing_addresses_are_refused_for_good(box: Box) -> None:
    """bounce.example answers 550 however often one tries."""
    for _ in range(4):
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
            await box.sender.send_message(mail(to="budi@bounce.example"))
        assert [refusal.code for refusal in refused.value.recipients] == [550]
    assert await messages(box, "budi@bounce.example") == []


async def test_greylisted_addresses_are_taken_the_third_time(box: Box) -> None:
    """greylist.example answers 451 twice for each address."""
    for address in ("budi@greylist.example", "siti@greylist.example"):
        for _ in range(2):
            with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
                await box.sender.send_message(mail(to=address))
            assert [refusal.code for refusal in refused.value.recipients] == [451]
        await box.sender.send_message(mail(to=address))
        assert len(await messages(box, address)) == 1


async def test_deleting_forgets_every_mail(box: Box) -> None:
    """An empty mailbox for the next test."""
    await box.sender.send_message(mail())
    async with box.reader.delete("/api/messages") as response:
        assert response.status == 204
    assert await messages(box) == []


async def test_people_read_mail_on_pages(box: Box) -> None:
    """The list leads to the mail, and a link in the mail can be clicked."""
    await box.sender.send_message(mail("Buka http://127.0.0.1:8080/email/abc?x=1&y=2. Terima kasih."))
    assert '<a href="/messages/1">Kabar</a>' in await page(box, "/")
    assert TO in await page(box, f"/?to={TO}")
    assert "No message yet" in await page(box, "/?to=siti@surel.example")
    link = "http://127.0.0.1:8080/email/abc?x=1&amp;y=2"
    assert f'<a href="{link}" rel="noopener noreferrer">{link}</a>. Terima' in await page(box, "/messages/1")


async def test_pages_show_markup_as_text(box: Box) -> None:
    """Nothing that a mail, its address or a query holds becomes part of the page."""
    evil = "<script>alert(1)</script>"
    await box.sender.send_message(mail(f'{evil} http://x.example/"onclick="{evil}', subject=evil))
    for path in ("/", "/messages/1", f"/?to={evil}"):
        assert "<script" not in await page(box, path)
        assert '"onclick' not in await page(box, path)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in await page(box, "/messages/1")


async def test_a_mail_that_is_gone_has_no_page(box: Box) -> None:
    """An unknown number is a page that says so, with status 404."""
    async with box.reader.get("/messages/7") as response:
        assert response.status == 404
        assert "No such message" in await response.text()


def as_text(raw: bytes) -> Content:
    return Content(text=raw.decode())


def test_only_the_newest_messages_are_kept() -> None:
    """Memory is bounded: the oldest goes first, from its address too."""
    received = Received(clock=TickingClock(), same_address=str.casefold, read=as_text, kept=2)
    for text in ("satu", "dua", "tiga"):
        received.add(to=f"{text}@surel.example", raw=text.encode())
    assert received.newest_to("satu@surel.example", limit=9) == []
    assert [message.text for _, message in received.newest(limit=9)] == ["tiga", "dua"]
    assert received.get(1) is None


async def test_hanging_up_without_callers_does_nothing() -> None:
    """A mailbox that was never connected to stops as well."""
    Mailbox(clock=TickingClock()).hang_up()

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest

from verify_workers.letters import Language, code_sms, result_mail, result_sms, verification_mail

LINK_END = "Zk3v-_9qAbCdEfGhIjKlMnOpQrStUvWxYz012345678"
HOST = "daftar.example.id"
URL = f"https://{HOST}/email/{LINK_END}"
SENT_AT = datetime(2020, 4, 11, 9, 0, tzinfo=UTC)
GSM_7 = set("@ \n!\"#%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
HOSTILE_ADDRESSES = (
    "a@example.id\r\nBcc: b@example.id",
    "a@example.id\nBcc: b@example.id",
    "a@example.id\r",
    "a@example.id\n",
    "a\0@example.id",
    "a@example.id\0",
    "a@example.id, b@example.id",
    "a@example.id;b@example.id",
    "<a@example.id>",
    "A <a@example.id>",
    '"a b"@example.id',
    "a@b@example.id",
    "a@example.id (b@example.id)",
    "group: a@example.id, b@example.id;",
    "a@example.id\u2028",
    "á@example.id",
    "a@[192.0.2.1]",
    "",
    "@",
)


class Links(HTMLParser):
    """Every address in a piece of HTML, with the tag and attribute that hold it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the addresses of one tag."""
        self.found += [(tag, name, value or "") for name, value in attrs if name in {"href", "src", "action"}]


def mail(to: str = "siti@example.id", *, url: str = URL, host: str = HOST, language: Language = "id") -> EmailMessage:
    return read(
        verification_mail(
            to=to, sender="daftar@example.id", url=url, public_host=host, sent_at=SENT_AT, language=language
        )
    )


def read(sent: bytes) -> EmailMessage:
    """As a mail program reads it, which finds nothing to complain of."""
    message = message_from_bytes(sent, policy=policy.SMTP.clone(raise_on_defect=True))
    assert isinstance(message, EmailMessage)
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


def test_the_mail_is_addressed_to_one_person_and_marked_as_automatic() -> None:
    """The headers that mail systems look at are there."""
    message = mail()
    assert message["From"] == "daftar@example.id"
    assert message["To"] == "siti@example.id"
    assert message["Date"].datetime == SENT_AT
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith(f"@{HOST}>")
    assert len(message["To"].addresses) == 1


def test_the_same_link_makes_the_same_mail_and_another_link_another() -> None:
    """A mail sent twice after a crash is recognisable by its Message-ID, which does not give the token away."""
    assert mail()["Message-ID"] == mail()["Message-ID"]
    assert mail()["Message-ID"] != mail(url=URL + "x")["Message-ID"]
    assert LINK_END not in mail()["Message-ID"]


@pytest.mark.parametrize(
    ("language", "valid", "ignore"), [("id", "24 jam", "abaikan e-mail ini"), ("en", "24 hours", "ignore this e-mail")]
)
def test_both_parts_say_what_the_link_is_and_what_to_do(language: Language, valid: str, ignore: str) -> None:
    """Text and HTML both hold the link, its site, its validity, and the advice to those who never registered."""
    message = mail(language=language)
    for kind in ("plain", "html"):
        text = body(message, kind)
        assert all(part in text for part in (URL, f"https://{HOST}/", valid, ignore))


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_mail_loads_nothing_and_follows_nobody(language: Language) -> None:
    """The only address in the HTML is the link itself: no picture, no tracking."""
    assert Links(body(mail(language=language), "html")).found == [("a", "href", URL)]


def test_the_link_survives_transport_whole() -> None:
    """Encoded and decoded again, the link is one unbroken line."""
    assert URL in body(mail(), "plain").splitlines()


def test_every_line_is_short_and_ends_as_relays_want_it() -> None:
    """CRLF throughout, plain ASCII, and no line over the 78 characters of RFC 5322, however long the address."""
    to = f"{'a' * 64}@{'d' * 60}.{'e' * 60}.example"
    sent = verification_mail(to=to, sender="daftar@example.id", url=URL, public_host=HOST, sent_at=SENT_AT)
    assert sent.isascii()
    assert sent.count(b"\n") == sent.count(b"\r\n") == sent.count(b"\r")
    assert [line for line in sent.splitlines() if len(line) > 78 and to.encode() not in line] == []
    assert [address.addr_spec for address in read(sent)["To"].addresses] == [to]


@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
def test_an_address_cannot_add_a_header_or_a_recipient(address: str) -> None:
    """What is not one plain address is refused, as recipient and as sender."""
    with pytest.raises(ValueError, match="plain e-mail address"):
        mail(address)
    with pytest.raises(ValueError, match="plain e-mail address"):
        verification_mail(to="siti@example.id", sender=address, url=URL, public_host=HOST, sent_at=SENT_AT)


@pytest.mark.parametrize("url", ["https://evil.example/x", f"https://{HOST}.evil.example/", f"{URL}\r\nX: y", "x"])
def test_the_mail_never_names_another_site_than_the_one_it_links_to(url: str) -> None:
    """A link that does not lead to the public site is refused."""
    with pytest.raises(ValueError, match="public site"):
        mail(url=url)


def test_a_site_on_this_machine_may_have_a_port() -> None:
    """The local stack is reached by host and port; the Message-ID holds the host only."""
    message = mail(url="http://localhost:8080/email/x", host="localhost:8080")
    assert "http://localhost:8080/" in body(message, "plain")
    assert message["Message-ID"].endswith("@localhost>")


def test_the_code_travels_in_one_plain_sms_that_phones_can_fill_in() -> None:
    """At most 160 characters of the 7-bit alphabet, with the origin-bound code as the last line."""
    text = code_sms("012345", HOST)
    assert len(text) <= 160
    assert set(text) <= GSM_7
    assert text.splitlines()[-1] == f"@{HOST} #012345"
    assert "Jangan berikan kode ini" in text


def test_the_port_is_no_part_of_the_code_line() -> None:
    """The format knows hosts only."""
    assert code_sms("012345", "localhost:8080").endswith("@localhost #012345")


@pytest.mark.parametrize(
    ("code", "host"),
    [("12345a", HOST), ("١٢٣٤٥٦", HOST), ("123456\n", HOST), ("123456", "a b"), ("123456", ""), ("123456", "x" * 90)],
)
def test_an_sms_that_would_not_work_is_refused(code: str, host: str) -> None:
    """Malformed codes and hosts, and texts too long for one SMS, raise ValueError."""
    with pytest.raises(ValueError, match=r"code|characters"):
        code_sms(code, host)


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("selected", [True, False])
def test_the_result_mail_says_which_and_leads_to_the_page_alone(selected: bool, language: Language) -> None:  # noqa: FBT001 - a case
    """One link, to our own site; the text says whether the reader is selected, and of which wave."""
    page = f"https://{HOST}/r/{LINK_END}/test"
    sent = read(
        result_mail(
            to="siti@example.id",
            sender="daftar@example.id",
            url=page,
            public_host=HOST,
            sent_at=SENT_AT,
            wave=7,
            selected=selected,
            language=language,
        )
    )
    assert "7" in str(sent["Subject"])
    assert [address for _, _, address in Links(body(sent, "html")).found] == [page]
    for text in (body(sent, "plain"), body(sent, "html")):
        assert ("Selamat" in text or "Congratulations" in text) is selected
    with pytest.raises(ValueError, match="link"):
        result_mail(
            to="siti@example.id",
            sender="daftar@example.id",
            url="https://elsewhere.example/r/x",
            public_host=HOST,
            sent_at=SENT_AT,
            wave=7,
            selected=selected,
        )


def test_the_result_sms_is_one_message_and_holds_no_secret() -> None:
    """It names the wave and the site, and nothing that lets anyone in."""
    text = result_sms(30, HOST)
    assert len(text) <= 160
    assert set(text) <= GSM_7
    assert "30" in text
    assert "/" not in text

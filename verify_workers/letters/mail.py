"""The mails that applicants get: the link that proves an e-mail address, and the result of a wave.

Guarantee: one recipient, whatever the address holds; no tracking, no picture, nothing personal. The Message-ID is
derived from the link, so a mail that is sent twice because a sender died is recognised as the same mail. Pure apart
from reading the templates once; nothing is lost when the process dies here.

Mails are made by `email.mime` under the older policy, whose headers are plain text: `EmailMessage` parses each of them
again and takes four times as long. So every value of a header is checked here, before it is one.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from email import charset, policy
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.utils import format_datetime
from functools import cache
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

Language = Literal["id", "en"]

_VERIFICATION: dict[Language, str] = {"id": "Konfirmasi alamat e-mail Anda", "en": "Confirm your e-mail address"}
_RESULT: dict[Language, str] = {"id": "Hasil gelombang {wave}", "en": "Result of wave {wave}"}
_ADDRESS = re.compile(r"\A[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}\Z")
"""The unquoted form of RFC 5321: no spaces, quotes, brackets, commas or control characters, so it stays one address."""
_HOST = re.compile(r"\A[A-Za-z0-9.:-]{1,255}\Z")
_URL = re.compile(r"\Ahttps?://[!-;=?-~]+\Z")
_POLICY = policy.compat32.clone(linesep="\r\n")
_QUOTED_PRINTABLE = charset.Charset("utf-8")
_QUOTED_PRINTABLE.body_encoding = charset.QP


def verification_mail(
    *,
    to: str,
    sender: str,
    url: str,
    public_host: str,
    sent_at: datetime,
    language: Language = "id",
) -> bytes:
    """The mail to `to`, as relays take it, with the link `url` of the site `public_host` (host or host:port).

    `sent_at` carries a time zone. Raises ValueError for an address, host or URL that could break out of its header or
    line (above all CR, LF and NUL), and for a link to another site than the one that the text names.
    """
    texts = {
        "url": url,
        "site": _site(url, public_host),
        "public_host": public_host,
        "subject": _VERIFICATION[language],
    }
    mail = _mail(to=to, sender=sender, sent_at=sent_at, message_id=_message_id(url, public_host))
    return _written(mail, "verification", language, texts)


def result_mail(  # noqa: PLR0913 - what a mail is made of
    *,
    to: str,
    sender: str,
    url: str,
    public_host: str,
    sent_at: datetime,
    wave: int,
    selected: bool,
    language: Language = "id",
) -> bytes:
    """The mail to `to`, as relays take it, that tells the result of a wave; `url` is the applicant's page.

    Raises ValueError as `verification_mail` does.
    """
    texts = {
        "url": url,
        "site": _site(url, public_host),
        "public_host": public_host,
        "subject": _RESULT[language].format(wave=wave),
        "wave": wave,
        "selected": selected,
    }
    mail = _mail(to=to, sender=sender, sent_at=sent_at, message_id=_message_id(f"{url} {wave}", public_host))
    return _written(mail, "result", language, texts)


def _mail(*, to: str, sender: str, sent_at: datetime, message_id: str) -> MIMEMultipart:
    mail = MIMEMultipart("alternative", policy=_POLICY)
    mail["From"] = _address(sender)
    mail["To"] = _address(to)
    mail["Date"] = format_datetime(sent_at)
    mail["Message-ID"] = message_id
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: keeps holiday answers away
    return mail


def _written(mail: MIMEMultipart, name: str, language: Language, texts: Mapping[str, object]) -> bytes:
    """The mail with its subject and its text, plain and as HTML."""
    mail["Subject"] = str(texts["subject"])
    mail["Content-Language"] = language
    for file, subtype in (("txt", "plain"), ("html", "html")):
        text = _templates().get_template(f"{name}.{language}.{file}").render(texts)
        part = MIMENonMultipart("text", subtype, policy=_POLICY)
        part.set_payload(text, _QUOTED_PRINTABLE)
        mail.attach(part)
    return mail.as_bytes()


def _address(text: str) -> str:
    if _ADDRESS.match(text) is None:
        raise ValueError("not a plain e-mail address")  # without the address: it is personal
    return text


def _site(url: str, public_host: str) -> str:
    """`https://daftar.example.id/`: how the link begins, for the reader to compare."""
    if _HOST.match(public_host) is None or _URL.match(url) is None:
        raise ValueError("not the host or URL of a public site")
    site = next(
        (begin for begin in (f"https://{public_host}/", f"http://{public_host}/") if url.startswith(begin)), None
    )
    if site is None:
        raise ValueError("the link does not lead to the public site")
    return site


def _message_id(url: str, public_host: str) -> str:
    """The same for the same link. The prefix keeps it apart from any other digest of the link's token."""
    digest = hashlib.sha256(b"gelombang message-id\0" + url.encode()).hexdigest()[:32]
    return f"<{digest}@{public_host.partition(':')[0]}>"


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("verify_workers.letters"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        auto_reload=False,
        keep_trailing_newline=True,
    )

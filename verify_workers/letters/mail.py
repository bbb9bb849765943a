"""The mail with the link that proves an e-mail address.

Guarantee: one recipient, whatever the address holds; no tracking, no picture, nothing personal. The Message-ID is
derived from the link, so a mail that is sent twice because a sender died is recognised as the same mail. Pure apart
from reading the templates once; nothing is lost when the process dies here.
"""

import hashlib
import re
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from functools import cache
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

Language = Literal["id", "en"]

_SUBJECTS: dict[Language, str] = {
    "id": "Konfirmasi alamat e-mail Anda",
    "en": "Confirm your e-mail address",
}
_ADDRESS = re.compile(r"\A(?P<local>[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64})@(?P<domain>[A-Za-z0-9.-]{1,253})\Z")
"""The unquoted form of RFC 5321: no spaces, quotes, brackets, commas or control characters, so it stays one address."""
_HOST = re.compile(r"\A[A-Za-z0-9.:-]{1,255}\Z")
_URL = re.compile(r"\Ahttps?://[!-;=?-~]+\Z")


def verification_mail(
    *,
    to: str,
    sender: str,
    url: str,
    public_host: str,
    sent_at: datetime,
    language: Language = "id",
) -> EmailMessage:
    """The mail to `to` with the link `url` of the site `public_host` (host or host:port).

    `sent_at` carries a time zone. Raises ValueError for an address, host or URL that could break out of its header or
    line (above all CR, LF and NUL), and for a link to another site than the one that the text names.
    """
    site = _site(url, public_host)
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = _address(sender)
    mail["To"] = _address(to)
    mail["Subject"] = _SUBJECTS[language]
    mail["Date"] = sent_at
    mail["Message-ID"] = _message_id(url, public_host)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: keeps holiday answers away
    mail["Content-Language"] = language
    texts = {"url": url, "site": site, "public_host": public_host, "subject": _SUBJECTS[language]}
    mail.set_content(_templates().get_template(f"verification.{language}.txt").render(texts))
    mail.add_alternative(_templates().get_template(f"verification.{language}.html").render(texts), subtype="html")
    return mail


def _address(text: str) -> Address:
    match = _ADDRESS.match(text)
    if match is None:
        raise ValueError("not a plain e-mail address")  # without the address: it is personal
    return Address(username=match["local"], domain=match["domain"])


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

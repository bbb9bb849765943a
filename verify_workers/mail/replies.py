"""What a mail relay's refusal means: of the mailbox, of us, or of the moment. Invariant I16 for mail.

Guarantee: a mailbox is called undeliverable only on an answer to its own RCPT that speaks of the mailbox: enhanced
status 5.1.x of the recipient or 5.2.1 (RFC 3463), or a bare 550, 551 or 553 (RFC 5321) that gives no other ground. What
is said of our address, our login, our standing or our text is the system's trouble.

"Later" to one recipient (greylisting, a busy mailbox) says nothing of the others at the domain: `mail_deferred`. Every
other "later" does: `mail_domain_deferred`.

Pure.
"""

import enum
import re
from typing import Final

from registration.errors import Permanent, Retryable


class Stage(enum.Enum):
    """Which command was refused."""

    CONNECT = "connect"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"


class MailboxRefusedError(Exception):
    """The recipient's mailbox does not exist or does not take mail."""


_PERMANENT: Final = 500
_CLOSING: Final = 421
_ENHANCED: Final = re.compile(r"\A\s*5\.(?P<subject>[0-9]{1,3})\.(?P<detail>[0-9]{1,3})\b")
# RFC 3463 and the IANA registry: X.1.7 and X.1.8 speak of the sender, X.1.9 of a relay on the way; X.2.1 is a mailbox
# that was switched off, X.2.2 one that is full.
_OF_MAILBOX: Final = frozenset({(1, 0), (1, 1), (1, 2), (1, 3), (1, 4), (1, 6), (1, 10), (2, 1)})
_FULL: Final = (2, 2)
_BARE_OF_MAILBOX: Final = frozenset({550, 551, 553})
_BARE_FULL: Final = 552
# What relays without enhanced codes write when they mean us: RFC 5321 gives 550 for reasons of policy too.
_OF_US: Final = re.compile(
    r"relay|spam|block|black|list|polic|denied|access|auth|login|spf|dkim|dmarc|reputation|rate|limit|quota|sender|"
    r"reverse|dns|tls|encrypt|temporar|later|client|host|\bip\b|[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+",
    re.IGNORECASE,
)
_LASTING: Final = {Stage.CONTENT: "mail_content", Stage.RECIPIENT: "mail_policy"}
# These concern every mail, not this one: setting each aside would bury the day's work for one wrong setting.
_PASSING: Final = {Stage.CONNECT: "mail_relay_refused", Stage.SENDER: "mail_sender_refused"}


def refusal(stage: Stage, code: int, text: str) -> Exception:
    """What to raise: `MailboxRefusedError` (reject), `Retryable` (later) or `Permanent` (set aside), with a cause."""
    if code < _PERMANENT:
        return Retryable("mail_deferred" if stage is Stage.RECIPIENT and code != _CLOSING else "mail_domain_deferred")
    if stage in _PASSING:
        return Retryable(_PASSING[stage])
    if stage is Stage.RECIPIENT:
        enhanced = _ENHANCED.match(text)
        status = (int(enhanced["subject"]), int(enhanced["detail"])) if enhanced else None
        if status == _FULL or (status is None and code == _BARE_FULL):
            return Retryable("mail_mailbox_full")
        if status in _OF_MAILBOX or (status is None and code in _BARE_OF_MAILBOX and not _OF_US.search(text)):
            return MailboxRefusedError()
    return Permanent(_LASTING[stage])

"""What a relay's refusal means: only an answer about the mailbox rejects a person (I16)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registration.errors import Permanent, Retryable
from verify_workers.mail.replies import MailboxRefusedError, Stage, refusal

NO_SUCH = "No such user here"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (550, "5.1.1 The email account that you tried to reach does not exist"),
        (550, "5.1.1 <a@b.example>: Recipient address rejected: User unknown in relay recipient table"),
        (550, "5.1.0 Address rejected"),
        (553, "5.1.2 We do not know this domain"),
        (501, "5.1.3 Bad recipient address syntax"),
        (551, "5.1.6 The mailbox has moved"),
        (556, "5.1.10 Recipient address has null MX"),
        (550, "5.2.1 The mailbox is disabled"),
        (550, NO_SUCH),
        (550, "Mailbox unavailable"),
        (551, "User not local"),
        (553, "Mailbox name not allowed"),
        (550, ""),
    ],
)
def test_an_answer_about_the_mailbox_rejects(code: int, text: str) -> None:
    """No such mailbox, no such domain, switched off."""
    assert isinstance(refusal(Stage.RECIPIENT, code, text), MailboxRefusedError)


@pytest.mark.parametrize(
    ("code", "text", "cause"),
    [
        (550, "5.7.1 Relaying denied", "mail_policy"),
        (550, "5.7.26 This mail is unauthenticated", "mail_policy"),
        (550, "5.1.8 Sender address rejected: domain not found", "mail_policy"),
        (550, "5.1.7 Bad sender's mailbox address syntax", "mail_policy"),
        (550, "5.4.1 Recipient address rejected: Access denied", "mail_policy"),
        (554, "5.7.1 Service unavailable; Client host blocked using a list", "mail_policy"),
        (550, "Relay not permitted", "mail_policy"),
        (550, "Blocked: see the list of 192.0.2.1", "mail_policy"),
        (550, "Administrative policy", "mail_policy"),
        (553, "Sorry, that domain isn't in my list of allowed rcpthosts", "mail_policy"),
        (550, "SPF check failed", "mail_policy"),
        (550, "Too many connections, rate limited", "mail_policy"),
        (554, "Transaction failed", "mail_policy"),
        (500, "Command not recognised", "mail_policy"),
        (503, "Bad sequence of commands", "mail_policy"),
        (521, "Host does not accept mail", "mail_policy"),
    ],
)
def test_an_answer_about_us_is_set_aside_with_its_cause(code: int, text: str, cause: str) -> None:
    """Policy, sender, standing: trying this mail again cannot help, and its recipient is not to blame."""
    found = refusal(Stage.RECIPIENT, code, text)

    assert isinstance(found, Permanent)
    assert found.cause == cause


@pytest.mark.parametrize(
    ("stage", "code", "text", "cause"),
    [
        (Stage.CONNECT, 554, "5.7.1 No service for you", "mail_relay_refused"),
        (Stage.CONNECT, 535, "5.7.8 Authentication credentials invalid", "mail_relay_refused"),
        (Stage.CONNECT, 550, NO_SUCH, "mail_relay_refused"),
        (Stage.SENDER, 550, "5.1.1 " + NO_SUCH, "mail_sender_refused"),
        (Stage.SENDER, 553, "5.1.8 Sender rejected", "mail_sender_refused"),
        (Stage.RECIPIENT, 552, "5.2.2 Mailbox full", "mail_mailbox_full"),
        (Stage.RECIPIENT, 552, "Exceeded storage allocation", "mail_mailbox_full"),
        (Stage.RECIPIENT, 450, "4.2.1 Busy", "mail_deferred"),
        (Stage.RECIPIENT, 451, "4.7.1 Greylisted", "mail_deferred"),
        (Stage.RECIPIENT, 421, "4.3.2 Closing", "mail_domain_deferred"),
        (Stage.CONTENT, 452, "4.3.1 Out of storage", "mail_domain_deferred"),
        (Stage.CONNECT, 421, "4.7.0 Too many connections", "mail_domain_deferred"),
    ],
)
def test_what_passes_or_concerns_every_mail_is_tried_again(stage: Stage, code: int, text: str, cause: str) -> None:
    """A wrong password must not set the day's work aside."""
    found = refusal(stage, code, text)

    assert isinstance(found, Retryable)
    assert found.cause == cause


def test_refused_content_is_set_aside() -> None:
    """Whatever code it comes with: it is our text."""
    for code in (550, 551, 552, 553, 554):
        found = refusal(Stage.CONTENT, code, "5.1.1 " + NO_SUCH)
        assert isinstance(found, Permanent)
        assert found.cause == "mail_content"


@given(
    stage=st.sampled_from(Stage),
    code=st.integers(400, 599),
    text=st.one_of(
        st.text(max_size=40),
        st.builds("5.{}.{} {}".format, st.integers(0, 9), st.integers(0, 30), st.text(max_size=20)),
    ),
)
def test_nobody_is_rejected_for_anything_but_their_mailbox(stage: Stage, code: int, text: str) -> None:
    """A rejection needs a 5xx to RCPT, and 5.1.x, 5.2.1 or a bare 550, 551, 553."""
    if isinstance(refusal(stage, code, text), MailboxRefusedError):
        assert stage is Stage.RECIPIENT
        assert code >= 500
        assert text.lstrip().startswith(("5.1.", "5.2.1")) or code in {550, 551, 553}

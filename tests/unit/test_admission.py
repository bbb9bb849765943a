"""Admission: refused by waiting time, cheaply, and over when its cause is over."""

from ingest.admission import Admission
from monitoring.metrics import Metrics

REGISTRATION = b"POST /api/v1/registrations HTTP/1.1\r\nHost: x\r\n\r\n"
BEAT = 0.02


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.seconds


def admission(clock: Clock) -> Admission:
    return Admission(target_seconds=0.5, retry_after_seconds=2.0, metrics=Metrics(), clock=clock)


def beat(subject: Admission, clock: Clock, late: float) -> None:
    """One turn of the event loop that comes round so late."""
    clock.seconds = subject._due + late  # noqa: SLF001 - the clock is the test's
    subject.beat()
    subject._due = clock.seconds + BEAT  # noqa: SLF001 - as `run` does


def test_the_wait_for_a_commit_decides() -> None:
    """Up to the target is let in, above it is not."""
    subject = admission(Clock())
    assert subject.admits(0.0)
    assert subject.admits(0.5)
    assert not subject.admits(0.51)


def test_an_idle_loop_refuses_nobody() -> None:
    """Punctual beats mean that there is time to read."""
    clock = Clock()
    subject = admission(clock)
    beat(subject, clock, 0.0)
    assert subject.refusal(REGISTRATION) is None


def test_a_late_loop_refuses_registrations_unread() -> None:
    """The answer is whole: status, Retry-After, a problem document, and the end of the connection."""
    clock = Clock()
    subject = admission(clock)
    beat(subject, clock, 0.8)
    refusal = subject.refusal(REGISTRATION)
    assert refusal is not None
    head, _, body = refusal.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 503 Service Unavailable"
    assert {"Connection: close", f"Content-Length: {len(body)}"} <= set(lines)
    (delay,) = [int(line.partition(": ")[2]) for line in lines if line.startswith("Retry-After")]
    assert 2 <= delay <= 4
    assert len(refusal) < 1_500


def test_a_loop_that_does_not_come_round_at_all_is_late_too() -> None:
    """A beat that is overdue counts before it comes."""
    clock = Clock()
    subject = admission(clock)
    clock.seconds += 0.6
    assert subject.is_drowning


def test_other_requests_keep_their_share() -> None:
    """Status, pages, codes and the rest of a body are never refused unread."""
    clock = Clock()
    subject = admission(clock)
    beat(subject, clock, 0.8)
    for received in (
        b"GET /api/v1/registrations/x HTTP/1.1\r\n",
        b"POST /api/v1/registrations/x/phone HTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\n",
        b'{"name": "POST /api/v1/registrations"}',
    ):
        assert subject.refusal(received) is None


def test_it_ends_with_its_cause() -> None:
    """A few punctual beats after the rush, everyone is let in again."""
    clock = Clock()
    subject = admission(clock)
    beat(subject, clock, 3.0)
    assert subject.is_drowning
    for _ in range(3):
        beat(subject, clock, 0.0)
    assert not subject.is_drowning


def test_a_crowd_is_told_different_delays() -> None:
    """Whoever is refused at once does not come back at once."""
    clock = Clock()
    subject = Admission(target_seconds=0.5, retry_after_seconds=20.0, metrics=Metrics(), clock=clock)
    beat(subject, clock, 0.8)
    assert len({subject.refusal(REGISTRATION) for _ in range(200)}) > 5

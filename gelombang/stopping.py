"""SIGTERM ends a long command as Ctrl-C does: in order, with what it started and its data directory removed."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def stopped_by_term() -> Iterator[None]:
    """While the body runs."""
    before = signal.signal(signal.SIGTERM, _as_ctrl_c)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    """An event loop that runs ends by cancelling what it does; anything else by KeyboardInterrupt where it is."""
    interrupt = signal.getsignal(signal.SIGINT)
    (interrupt if callable(interrupt) else signal.default_int_handler)(number, frame)

"""What every process here needs to live and to die well: supervised loops, stopping on a signal, logs.

A loop and its body are two functions: `repeat` is the loop, the body is a `run_once` that tests call.
"""

import asyncio
import gc
import logging
import os
import random
import re
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any, TypeVar

import orjson
import structlog
import uvloop

from registration.errors import Retryable
from registration.sealing import KeyRingError
from registration.settings import Settings, SettingsError
from registration.settings import read as read_settings
from registration.store.database import NotDurableError, SchemaError

log = structlog.get_logger(__name__)

# A log line carries these fields and no others: what is not on the list is dropped, so personal data cannot slip in.
LOG_FIELDS = frozenset(
    {
        *("event", "level", "timestamp", "logger", "error_type", "traceback"),
        *("role", "kind", "cause", "attempts", "count", "seconds", "signal"),
        *("registration", "entry", "consumer", "stream"),
        *("route", "status", "port", "version", "migration"),
    }
)
Result = TypeVar("Result")

EXIT_ENVIRONMENT = 3
_COLLECT_AFTER = 50_000  # new container objects, instead of 700: a busy process makes these in no time
_LONGEST_PAUSE_SECONDS = 5.0


async def repeat(body: Callable[[], Awaitable[None]], *, role: str, pause_seconds: float = 0.0) -> None:
    """Run `body` for ever, `pause_seconds` apart; end only by cancellation.

    A `Retryable` failure and a bug both leave the loop alive: it waits with growing, jittered pauses (up to 5 s) and
    tries again. What the body had in hand must be safe by itself: nothing is kept here.
    """
    failures = 0
    while True:
        try:
            await body()
        except Retryable as error:
            failures += 1
            log.warning("loop failed, trying again", role=role, cause=error.cause, count=failures)
        except Exception as error:  # noqa: BLE001 - a loop's boundary
            failures += 1
            log.error("bug in loop, trying again", role=role, **describe_bug(error))
        else:
            failures = 0
        keep_cancellation()
        wait = pause_seconds if not failures else backoff_seconds(failures, base=0.1, cap=_LONGEST_PAUSE_SECONDS)
        if wait:
            await asyncio.sleep(wait)


async def insist(call: Callable[[], Awaitable[Result]], *, role: str) -> Result:
    """The result of `call`, tried again after every `Retryable` failure; ends otherwise only by cancellation.

    For work in hand that is dearer than the wait: a verdict that a ministry call has paid for.
    """
    failures = 0
    while True:
        try:
            return await call()
        except Retryable as error:
            failures += 1
            keep_cancellation()
            log.warning("failed, trying again", role=role, cause=error.cause, count=failures)
            await asyncio.sleep(backoff_seconds(failures, base=0.1, cap=_LONGEST_PAUSE_SECONDS))


def keep_cancellation() -> None:
    """Raise the cancellation that a library swallowed.

    A connection that breaks while a cancelled command cleans up raises its own error in the cancellation's place; a
    loop that went on then would never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def backoff_seconds(
    failures: int, *, base: float, cap: float, uniform: Callable[[float, float], float] = random.uniform
) -> float:
    """Exponential backoff with full jitter over the upper half: between half and all of `base · 2^(failures-1)`.

    Capped at `cap`. The half that is certain keeps a crowd from coming back at once; the jitter spreads the rest.
    """
    ceiling = min(cap, base * 2.0 ** min(failures - 1, 30))
    return uniform(ceiling / 2, ceiling)


def run_process(main: Callable[[Settings, asyncio.Event], Awaitable[None]]) -> None:
    """Run a process of ours from its environment until SIGTERM or SIGINT sets the event that `main` is given.

    Exits with 3 and one plain line when settings, keys or a server it needs at start do not allow it to run.
    """
    try:
        settings = read_settings(os.environ)
        configure_logging(settings.log_level)
        _allow_open_files()
        uvloop.run(_until_stopped(main, settings))
    except (SettingsError, KeyRingError, NotDurableError, SchemaError, OSError) as error:
        sys.exit(_refusal(str(error)))
    except Retryable as error:
        sys.exit(_refusal(error.cause))


def _allow_open_files() -> None:
    """Take as many file descriptors as the system grants: the usual soft limit of 1,024 is a thousand connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # "unlimited" is more than some kernels give
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _until_stopped(main: Callable[[Settings, asyncio.Event], Awaitable[None]], settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # What start-up made lives as long as the process: the collector need not look at it again, nor look so often.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await main(settings, stop)


def _refusal(reason: str) -> int:
    sys.stderr.write(f"cannot start: {reason}\n")
    return EXIT_ENVIRONMENT


def describe_bug(error: BaseException) -> Mapping[str, str]:
    """Log fields of an unexpected error: type and place, without its message or values, which may be personal."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}:{code.co_name}")
        trace = trace.tb_next
    return {"error_type": type(error).__qualname__, "traceback": " < ".join(reversed(frames))}


def configure_logging(level: str) -> None:
    """One JSON object a line on standard error, with allowed fields only."""
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _allowed_fields,
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    # Libraries speak through the standard logger, in their own words: only that one spoke is passed on.
    logging.basicConfig(level=logging.WARNING, handlers=[_LibraryHandler()], force=True)


class _LibraryHandler(logging.Handler):
    """Passes on the name, level and error type of a library's record, never its text, which may quote a request."""

    def emit(self, record: logging.LogRecord) -> None:
        fields = describe_bug(record.exc_info[1]) if record.exc_info and record.exc_info[1] else {}
        log.log(record.levelno, "library log", logger=re.sub(r"[^\w.]", "", record.name), **fields)


def _allowed_fields(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401 - structlog's type
    return {name: value for name, value in event.items() if name in LOG_FIELDS}

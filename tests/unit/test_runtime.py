"""Loops that outlive failures, pauses within bounds, and logs that name nobody."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from registration import runtime
from registration.errors import Retryable
from registration.runtime import LOG_FIELDS, backoff_seconds, describe_bug, insist, repeat

PERSONAL = "3174014302900001"


class EndOfTest(BaseException):
    """Ends a loop that nothing else may end."""


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses that were asked for and not slept."""
    asked: list[float] = []

    async def sleep(seconds: float) -> None:
        asked.append(seconds)

    monkeypatch.setattr(runtime.asyncio, "sleep", sleep)  # type: ignore[attr-defined]
    return asked


@settings(deadline=None)
@given(
    failures=st.integers(min_value=1, max_value=10_000),
    base=st.floats(min_value=0.001, max_value=60),
    cap=st.floats(min_value=0.001, max_value=86_400),
    part=st.floats(min_value=0, max_value=1),
)
def test_a_pause_lies_between_half_and_all_of_its_bound(failures: int, base: float, cap: float, part: float) -> None:
    """Doubled with each failure, capped, jittered over the upper half, and never a number too large."""
    bound = min(cap, base * 2.0 ** min(failures - 1, 30))
    seconds = backoff_seconds(failures, base=base, cap=cap, uniform=lambda low, high: low + part * (high - low))

    assert bound / 2 <= seconds <= bound * (1 + 1e-12)


def test_a_crowd_does_not_come_back_at_once() -> None:
    """The same failure gives different pauses."""
    assert len({backoff_seconds(3, base=1.0, cap=60.0) for _ in range(50)}) > 40


async def test_a_loop_survives_what_can_be_tried_again_and_bugs(pauses: list[float]) -> None:
    """Both are logged by cause or type, and the body runs again after a growing pause."""
    errors: Iterator[BaseException | None] = iter(
        [Retryable("redis_unreachable"), ValueError(PERSONAL), Retryable("database_timeout"), None, None, EndOfTest()]
    )

    async def body() -> None:
        error = next(errors)
        if error is not None:
            raise error

    with capture_logs() as logs, pytest.raises(EndOfTest):
        await repeat(body, role="tester", pause_seconds=7.0)

    assert [line.get("cause") for line in logs] == ["redis_unreachable", None, "database_timeout"]
    assert logs[1]["error_type"] == "ValueError"
    assert PERSONAL not in str(logs)
    assert {"tester"} == {line["role"] for line in logs}
    failed, succeeded = pauses[:3], pauses[3:]
    assert succeeded == [7.0, 7.0]
    for pause, bound in zip(failed, (0.1, 0.2, 0.4), strict=True):
        assert bound / 2 <= pause <= bound


async def test_a_loop_ends_when_it_is_cancelled() -> None:
    """Cancellation is never swallowed."""
    begun = asyncio.Event()

    async def body() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(repeat(body, role="tester"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_insisting_ends_with_the_result(pauses: list[float]) -> None:
    """A verdict that was paid for is written in the end, however often the database was away."""
    errors = iter([Retryable("database_timeout")] * 12)

    async def call() -> int:
        for error in errors:
            raise error
        return 42

    with capture_logs() as logs:
        assert await insist(call, role="tester") == 42
    assert len(pauses) == len(logs) == 12
    assert max(pauses) <= 5.0


async def test_insisting_does_not_repeat_a_bug(pauses: list[float]) -> None:
    """Trying again mends only what can be tried again."""

    async def call() -> None:
        raise KeyError(PERSONAL)

    with pytest.raises(KeyError):
        await insist(call, role="tester")
    assert pauses == []


def test_a_described_bug_names_type_and_place_and_no_message() -> None:
    """The text of an exception may quote a person."""

    def deeper() -> None:
        raise LookupError(PERSONAL)

    def broken() -> None:
        try:
            deeper()
        except LookupError as error:
            raise ValueError(f"no {PERSONAL}") from error

    with pytest.raises(ValueError, match=PERSONAL) as caught:
        broken()
    fields = describe_bug(caught.value)

    assert fields["error_type"] == "ValueError"
    assert "test_runtime.py" in fields["traceback"]
    assert "broken" in fields["traceback"]
    assert PERSONAL not in str(fields)
    assert set(fields) <= LOG_FIELDS


def test_a_bug_that_was_never_raised_is_described_too() -> None:
    """An exception without a traceback has a type all the same."""
    assert describe_bug(KeyError(PERSONAL)) == {"error_type": "KeyError", "traceback": ""}


# What a process writes: configured in one of its own, since logging is set once per process.
WRITE_LOGS = """
import logging, sys, structlog
from registration.runtime import configure_logging
configure_logging("info")
log = structlog.get_logger("ours")
log.debug("too quiet")
log.info("said", role="tester", name="{0}", nik="{0}", email="{0}", count=3)
log.error("failed", error_type="ValueError", message="{0}")
library = logging.getLogger("aiohttp.access {0}"[:14])
library.info("too quiet {0}")
library.warning("a request of %s", "{0}")
library.error("broken {0}", extra={{"person": "{0}"}})
try:
    raise ValueError("{0}")
except ValueError:
    library.exception("it broke: {0}")
"""


@pytest.fixture(scope="module")
def written() -> str:
    """What a process with our logging writes on standard error."""
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", WRITE_LOGS.format(PERSONAL)], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr


def test_a_log_line_is_one_json_object_with_allowed_fields(written: str) -> None:
    """Whatever else a caller passes is dropped."""
    lines = [orjson.loads(line) for line in written.splitlines()]

    assert [line["event"] for line in lines] == ["said", "failed", "library log", "library log", "library log"]
    assert all(set(line) <= LOG_FIELDS for line in lines)
    assert {"role": "tester", "count": 3, "level": "info"}.items() <= lines[0].items()


def test_a_library_is_passed_on_by_name_and_type_only(written: str) -> None:
    """Its own words may quote a request."""
    warning, error, exception = (orjson.loads(line) for line in written.splitlines()[2:])

    assert [line["level"] for line in (warning, error, exception)] == ["warning", "error", "error"]
    assert {"aiohttp.access"} == {line["logger"] for line in (warning, error, exception)}
    assert exception["error_type"] == "ValueError"


def test_nothing_personal_is_written(written: str) -> None:
    """The canary that every call was given is in no line."""
    assert PERSONAL not in written


def test_a_test_run_keeps_its_own_logging() -> None:
    """Importing our modules configures nothing."""
    assert not any(type(handler).__module__.startswith("registration") for handler in logging.getLogger().handlers)


@pytest.mark.parametrize("error", [Retryable("redis_unreachable"), ConnectionError()])
async def test_a_loop_ends_though_a_library_swallowed_its_cancellation(error: Exception) -> None:
    """A connection that breaks while it cleans up raises its own error in the cancellation's place."""
    begun = asyncio.Event()

    async def body() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise error from None

    task = asyncio.create_task(repeat(body, role="tester"))
    await begun.wait()
    task.cancel()
    async with asyncio.timeout(30):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_insisting_ends_though_a_library_swallowed_its_cancellation() -> None:
    """The same for work in hand: a stopping process is not held up by it."""
    begun = asyncio.Event()

    async def call() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise Retryable("database_unreachable") from None

    task = asyncio.create_task(insist(call, role="tester"))
    await begun.wait()
    task.cancel()
    async with asyncio.timeout(30):
        with pytest.raises(asyncio.CancelledError):
            await task

"""Has photos decoded, each in a process of its own, a few at once.

Guarantee: only the child's own word refuses a photo, or its own processor time: a child that died otherwise, was too
slow on a busy machine, or could not be started is the system's trouble. If this process dies, its children end with
their pipes.
"""

import asyncio
import os
import signal
import sys

import msgspec
import structlog

from registration.checks import Reason
from registration.errors import Retryable
from verify_workers.photos.child import CLEAN

log = structlog.get_logger(__name__)

_DEADLINE_SECONDS = 30.0
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG")  # no URL and no key reaches a child


class Decoded(msgspec.Struct, frozen=True):
    """A clean picture, or why there is none."""

    picture: bytes = b""
    reason: Reason | None = None


class Decoder:
    """So many children at once: a photo in memory is dear."""

    def __init__(self, *, at_once: int) -> None:
        self._turns = asyncio.Semaphore(at_once)

    @property
    def turns(self) -> asyncio.Semaphore:
        """Hold one while a photo is in memory."""
        return self._turns

    async def decode(self, sent: bytes) -> Decoded:
        """Decode one photo; raises `Retryable`. The caller holds a turn."""
        child = await self._started()
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                said, _ = await child.communicate(sent)
        except TimeoutError as error:
            raise Retryable("photo_decoder_slow") from error
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode == -signal.SIGXCPU:
            return Decoded(reason=Reason.PHOTO_NOT_READABLE)
        if child.returncode != 0:
            log.warning("photo decoder died", status=child.returncode)
            raise Retryable("photo_decoder_died")
        return _read(said)

    async def _started(self) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "verify_workers.photos.child",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            )
        except OSError as error:
            raise Retryable("photo_decoder_missing") from error


def _read(said: bytes) -> Decoded:
    word, _, picture = said.partition(b"\n")
    if word == CLEAN.encode() and picture:
        return Decoded(picture=picture)
    try:
        return Decoded(reason=Reason(word.decode()))
    except ValueError:
        raise Retryable("photo_decoder_garbled") from None

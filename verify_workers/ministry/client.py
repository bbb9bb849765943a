"""Asks a registry over HTTP: connections kept, every call with a deadline, no redirects, replies bounded in size."""

from collections.abc import Callable

from yarl import URL

from registration.applicant import Applicant
from registration.errors import Retryable
from registration.registry import Registry
from registration.store.work import Verdict
from verify_workers.ministry import wire
from verify_workers.ministry.answers import Asked, Missing
from verify_workers.ministry.calls import CALLS
from verify_workers.ministry.connection import Poster

# `identity`: a compressed reply is not read, since it can be larger than it looks.
_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "gelombang",
}


class MinistryClient:
    """One per process; make it inside the running loop."""

    def __init__(self, registry: Registry) -> None:
        self._call = CALLS[registry.kind]
        self._credentials = wire.Credentials(
            user=registry.user,
            password=registry.password,
            ip=registry.ip,
            threshold=registry.threshold,
        )
        self._poster = Poster(
            URL(registry.url.rstrip("/") + self._call.path.format(consumer=registry.consumer)),
            headers=_HEADERS,
            body_limit_bytes=wire.REPLY_LIMIT_BYTES,
            timeout_seconds=registry.timeout_seconds,
        )

    async def ask(self, person: Applicant, *, in_time: Callable[[], bool]) -> Verdict | Missing:
        """What the registry says of a person; raises `Retryable` for everything that is not an explicit answer.

        Raises `TooLateError`, with nothing asked, unless it is `in_time` when the request can be written.
        """
        body = self._call.write(person, self._credentials)
        try:
            reply = await self._poster.post(body, in_time=in_time)
        except TimeoutError as error:
            raise Retryable("ministry_timeout") from error
        except OSError as error:
            raise Retryable("ministry_unreachable") from error
        row = wire.read_reply(reply.status, reply.body, retry_after=reply.retry_after)
        return self._call.judge(row, Asked(person.nik, self._credentials.threshold))

    async def close(self) -> None:
        """Close all connections."""
        self._poster.close()

"""Asks the registry over HTTP: connections kept, every call with a deadline, no redirects, replies bounded in size."""

import aiohttp
from yarl import URL

from registration.applicant import Applicant
from registration.errors import Retryable
from registration.settings import Settings
from registration.store.work import Verdict
from verify_workers.ministry import wire
from verify_workers.ministry.answers import Asked, Missing


class MinistryClient:
    """One per process; make it inside the running loop."""

    def __init__(self, settings: Settings) -> None:
        self._url = URL(  # parsed once, not for each call
            f"{settings.ministry_url.rstrip('/')}/dukcapil/get_json/{settings.ministry_consumer}/CALL_VERIFY_BY_ELEMEN"
        )
        self._credentials = wire.Credentials(
            user=settings.ministry_user,
            password=settings.ministry_password,
            ip=settings.ministry_ip,
            threshold=settings.ministry_threshold,
        )
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=settings.concurrency, keepalive_timeout=60.0),
            timeout=aiohttp.ClientTimeout(total=settings.ministry_timeout_seconds),
            # `identity`: a compressed reply is not read, since it can be larger than it looks.
            headers={
                "Content-Type": "application/json",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            },
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    async def ask(self, person: Applicant) -> Verdict | Missing:
        """What the registry says of a person; raises `Retryable` for everything that is not an explicit answer."""
        body = wire.request_body(person, self._credentials)
        try:
            async with self._session.post(self._url, data=body, allow_redirects=False) as response:
                reply = await response.content.read(wire.REPLY_LIMIT_BYTES + 1)
                while len(reply) <= wire.REPLY_LIMIT_BYTES and not response.content.at_eof():
                    reply += await response.content.read(wire.REPLY_LIMIT_BYTES + 1 - len(reply))
                asked = Asked(person.nik, self._credentials.threshold)
                retry_after = response.headers.get("Retry-After")
                return wire.read_reply(response.status, reply, asked=asked, retry_after=retry_after)
        except TimeoutError as error:
            raise Retryable("ministry_timeout") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Retryable("ministry_unreachable") from error

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

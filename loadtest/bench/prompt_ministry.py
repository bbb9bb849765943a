"""A ministry that agrees with everyone at once, for as little CPU as can be: `python prompt_ministry.py PORT`.

For measuring workers alone. Any POST is a call; `GET /calls` answers how many there were. It reads no more of HTTP than
lengths, and forgets everything when it ends.
"""

import asyncio
import sys
from typing import cast

import uvloop

_PAGE = (
    b'{"content":[{"NIK":"Sesuai","NAMA_LGKP":"Sesuai (100)","TMPT_LHR":"Sesuai (100)","TGL_LHR":"Sesuai"}],'
    b'"lastPage":true,"numberOfElements":1,"totalElements":1,"size":1}'
)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_ANSWER = _HEAD % len(_PAGE) + _PAGE
_LENGTH = b"content-length:"
_calls = [0]


class Connection(asyncio.Protocol):
    """One kept connection of a client that asks, waits and asks again."""

    def __init__(self) -> None:
        self._read = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each request that is here whole."""
        self._read += data
        while self._transport is not None and (end := self._read.find(b"\r\n\r\n") + 4) >= 4:  # noqa: PLR2004 - found
            head = self._read[:end].lower()
            at = head.find(_LENGTH)
            length = int(head[at + len(_LENGTH) : head.index(b"\r\n", at)]) if at >= 0 else 0
            if len(self._read) < end + length:
                return
            self._read = self._read[end + length :]
            if head.startswith(b"post"):
                _calls[0] += 1
                self._transport.write(_ANSWER)
            else:
                text = b"%d" % _calls[0]
                self._transport.write(_HEAD % len(text) + text)


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))

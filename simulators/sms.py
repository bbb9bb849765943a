"""Stand-in for the SMS gateway: takes text messages by HTTP and shows them instead of sending them.

`POST /api/messages` `{"to", "text", "reference"}` answers 202 `{"id"}`. A number that ends in 0000 gets 422.
Received messages are in memory only and are lost with the process.
"""

import msgspec
from aiohttp import web

from registration.clock import Clock
from simulators.reading import ReadingRoom
from simulators.received import Content, Received

UNREACHABLE_ENDING = "0000"
BODY_LIMIT_BYTES = 16 * 1024


class Outgoing(msgspec.Struct, frozen=True):
    """What a client asks to send. `reference` is the client's own name for it; this gateway only takes it."""

    to: str
    text: str
    reference: str = ""


_decode_outgoing = msgspec.json.Decoder(Outgoing).decode


class SmsGateway:
    """The gateway's state and its HTTP routes."""

    def __init__(self, *, clock: Clock) -> None:
        self._received = Received(clock=clock, same_address=subscriber, read=_read)
        self._reading_room = ReadingRoom(self._received, title="Text messages")

    def application(self) -> web.Application:
        """An application ready to be served, once."""
        application = web.Application(client_max_size=BODY_LIMIT_BYTES)
        application.add_routes(self._reading_room.routes())
        application.add_routes([web.post("/api/messages", self._accept)])
        return application

    async def _accept(self, request: web.Request) -> web.Response:
        try:
            outgoing = _decode_outgoing(await request.read())
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        if outgoing.to.endswith(UNREACHABLE_ENDING):
            return web.json_response({"error": "unreachable"}, status=422)
        number = self._received.add(to=outgoing.to, raw=outgoing.text.encode())
        return web.json_response({"id": f"sms-{number}"}, status=202)


def subscriber(phone: str) -> str:
    """The digits of a number with its country code, however it is written: +62812…, 62812… or 0812…."""
    digits = "".join(letter for letter in phone if letter.isdigit())
    return f"62{digits[1:]}" if digits.startswith("0") else digits


def _read(raw: bytes) -> Content:
    return Content(text=raw.decode())

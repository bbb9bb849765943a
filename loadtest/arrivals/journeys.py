"""What people, and others, do at the front door: one function for each way, called with an arrival.

They know only what the contract says. Every registration that is sent is accounted for: 202 is acked; a refusal that
says that nothing was stored is refused; no answer and 503 are unknown, since a commit may have gone through.
"""

import contextlib
import random
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote

import gevent
import msgspec

from loadtest.arrivals.clock import Arrival
from loadtest.arrivals.http import Answer, Connections, NoAnswerError, Request
from loadtest.arrivals.people import person
from loadtest.bench.bodies import body
from simulators.people import Person
from simulators.selfies import SCENES, drawn, jpeg, noisy

PATH = "/api/v1/registrations"
READS = 48  # of the status, for each registration: the public figures of a comparable opening
ACCEPTED = frozenset({202})
_RETRY_ANSWERS = frozenset({202, 409})  # 409: the first try is still under way, and will be stored
_OK = frozenset({200})
_SEEN = frozenset({200, 304})
_UNPROCESSABLE = frozenset({422})
_PHOTO_TAKEN = frozenset({200, 202})  # all of it, and a part
_BOT_ANSWERS = frozenset({202, 403, 422, 428, 429})
_SAYS_NOT_STORED = frozenset({400, 403, 405, 408, 413, 415, 422, 428, 429})
_REGISTER = "POST registration"
_JSON = "application/json"
_MEAN_PAUSE_SECONDS = 0.5
_IMPATIENT_SECONDS = 1.0
_IMPATIENT_TRIES = 6
_PATIENT_TRIES = 200
_BOT_TRIES = 5
_MAIL_PATIENCE_SECONDS = 120.0
_LOOKS_FOR_MAIL_PER_SECOND = 1_000.0  # of everybody together: a crowd that waits must not be the load it waits for
_PART_BYTES = 64 * 1024  # as the page's script sends them
_SENSOR_NOISE = 6.0
_PHOTO_TRIES = 50
_LOOKS_FOR_VERDICT = 180
_SLOW_PIECES, _SLOW_PAUSE_SECONDS = 8, 0.4
_LINK = re.compile(r"https?://[^/\s]+(/email/[^\s<>\"]+)")
_CODE = re.compile(r"#([0-9]{4,8})\s*\Z")


class Received(msgspec.Struct):
    """A message as the stand-ins show it."""

    text: str


class Progress(msgspec.Struct):
    """How much of a photo the door has."""

    received: int


class Check(msgspec.Struct):
    """Where one check stands."""

    state: str
    reason: str | None = None


class Status(msgspec.Struct):
    """Of a registration's status, what is looked at here."""

    checks: dict[str, Check]


def register(arrival: Arrival) -> Answer | None:
    """Fill in the form once, without a slip."""
    return _send(arrival, body(_somebody(arrival)))


def follow(arrival: Arrival) -> None:
    """Register, look at the status again and again, press the mailed link, type the code."""
    who = _somebody(arrival)
    handle = _handle(_send(arrival, body(who)))
    if handle is None:
        return
    etag, link_done, code_done = "", False, False
    for _ in range(READS):
        gevent.sleep(random.uniform(0, 2 * _MEAN_PAUSE_SECONDS))  # noqa: S311 - spreads load, guards nothing
        headers = {"If-None-Match": etag} if etag else {}
        seen = arrival.call("GET status", Request("GET", f"{PATH}/{handle}", headers=headers), good=_SEEN)
        if seen is not None:
            etag = seen.headers.get("etag", etag)
        link_done = link_done or press_link(arrival, who)
        code_done = code_done or _type_code(arrival, who, handle)


def confirm_mail(arrival: Arrival) -> None:
    """Register with patience, and press the mailed link, some time after it has come; give up when none comes."""
    who = _somebody(arrival)
    if _handle(_send_patiently(arrival, body(who))) is None:
        return
    think = arrival.flight.offer.think_seconds
    gevent.sleep(think and random.expovariate(1 / think))
    flight = arrival.flight
    until = flight.seconds() + _MAIL_PATIENCE_SECONDS
    while not press_link(arrival, who) and flight.seconds() < until:
        pause = max(2 * _MEAN_PAUSE_SECONDS, flight.account.in_flight / _LOOKS_FOR_MAIL_PER_SECOND)
        gevent.sleep(random.uniform(pause / 2, 3 * pause / 2))  # noqa: S311 - the same


def insist(arrival: Arrival) -> None:
    """Register with patience: after every refusal that asks for it come back, as late as was asked for."""
    _send_patiently(arrival, body(_somebody(arrival)))


def upload(arrival: Arrival) -> None:
    """Register, send a selfie in parts over a line that breaks once, and look until a worker has judged it."""
    handle = _handle(register(arrival))
    if handle is not None and _send_photo(arrival, handle):
        arrival.flight.account.answer(arrival.due, "photo verdict", _photo_verdict(arrival, handle))


def storm(arrival: Arrival) -> None:
    """Give up after a second and send the same again, at once, as an impatient client does."""
    number, key = arrival.flight.next_key()
    request = Request("POST", PATH, body(_somebody(arrival)), _headers(key), timeout_seconds=_IMPATIENT_SECONDS)
    answer = None
    for _ in range(_IMPATIENT_TRIES):
        answer = arrival.call("POST impatient registration", request, good=_RETRY_ANSWERS)
        if answer is not None and answer.status in ACCEPTED:
            break
    _account(arrival, number, answer)


def mistype(arrival: Arrival) -> None:
    """Forget a digit of the NIK and write a phone number that is none; mend both when told, with a new key."""
    who = _somebody(arrival)
    slip = msgspec.structs.replace(who, nik=who.nik[:-1], phone="0812")
    told = _send(arrival, body(slip), name="POST slip", good=_UNPROCESSABLE)
    if told is not None and told.status in _UNPROCESSABLE:
        gevent.sleep(random.uniform(0.5, 3.0))  # noqa: S311 - the same
        _send(arrival, body(who))


def swarm(arrival: Arrival) -> None:
    """A bot: one person's NIK and phone over and over; limits may stop it and the door may take it, but not fail."""
    who = _somebody(arrival)
    for attempt in range(_BOT_TRIES):
        other = msgspec.structs.replace(who, email=f"{attempt}.{who.email}")
        _send(arrival, body(other), name="POST bot", good=_BOT_ANSWERS)


def crawl(arrival: Arrival) -> None:
    """A bad line: the body comes in pieces. What the pieces take is its own, and is not measured."""
    _send(arrival, body(_somebody(arrival)), name="POST slow", pieces=_SLOW_PIECES)


def visit(arrival: Arrival) -> None:
    """Look at the form and leave."""
    arrival.call("GET form", Request("GET", "/"), good=_OK)


def press_link(arrival: Arrival, who: Person) -> bool:
    """Press the button behind the newest mailed link; gives whether that worked."""
    text = _newest(arrival, arrival.flight.offer.mailbox, who.email)
    link = _LINK.search(text) if text else None
    if link is None:
        return False
    answer = arrival.call("POST link", Request("POST", link[1]), good=_OK)
    return answer is not None and answer.status in _OK


def _type_code(arrival: Arrival, who: Person, handle: str) -> bool:
    text = _newest(arrival, arrival.flight.offer.sms, who.phone)
    code = _CODE.search(text) if text else None
    if code is None:
        return False
    typed, headers = msgspec.json.encode({"code": code[1]}), {"Content-Type": _JSON}
    answer = arrival.call("POST code", Request("POST", f"{PATH}/{handle}/phone", typed, headers), good=_OK)
    return answer is not None and answer.status in _OK


def _newest(arrival: Arrival, place: str | None, address: str) -> str | None:
    """The newest message to an address; the stand-ins are no part of what is measured."""
    if place is None:
        return None
    box: Connections = arrival.flight.others[place]
    try:
        answer = box.send(Request("GET", f"/api/messages?to={quote(address)}"))
    except NoAnswerError:
        return None
    messages = msgspec.json.decode(answer.body, type=list[Received]) if answer.status in _OK else []
    return messages[0].text if messages else None


def _send_photo(arrival: Arrival, handle: str) -> bool:
    """Whether the door has all of it. After the break it is asked how far the photo came, as the page's script does."""
    picture, path = selfie(), f"{PATH}/{handle}/photo"
    headers = {"Content-Type": "image/jpeg", "Idempotency-Key": f"{handle}-photo"}
    received, is_unbroken = 0, True
    for _ in range(_PHOTO_TRIES):
        part = picture[received : received + _PART_BYTES]
        span = f"{received}-{received + len(part) - 1}"
        if received and is_unbroken:
            is_unbroken = False
            _break_off(arrival, Request("PUT", path, part, _spanned(headers, span, picture)))
            part, span = b"", "*"
        request = Request("PUT", path, part, _spanned(headers, span, picture))
        answer = arrival.call("PUT photo", request, good=_PHOTO_TAKEN)
        if answer is None:
            continue
        if answer.status in _OK or answer.status not in _PHOTO_TAKEN:
            return answer.status in _OK
        received = msgspec.json.decode(answer.body, type=Progress).received
    return False


def _spanned(headers: Mapping[str, str], span: str, picture: bytes) -> dict[str, str]:
    return {**headers, "Content-Range": f"bytes {span}/{len(picture)}"}


def _break_off(arrival: Arrival, request: Request) -> None:
    """Half of it is sent, and then there is no line any more."""
    with contextlib.suppress(NoAnswerError):
        arrival.flight.connections.send(request._replace(broken_after=len(request.body) // 2))


def _photo_verdict(arrival: Arrival, handle: str) -> str:
    """What became of the photo: ok when it was accepted."""
    for _ in range(_LOOKS_FOR_VERDICT):
        gevent.sleep(random.uniform(0, 2 * _MEAN_PAUSE_SECONDS))  # noqa: S311 - the same
        seen = arrival.call("GET status", Request("GET", f"{PATH}/{handle}"), good=_OK)
        if seen is None or seen.status not in _OK:
            continue
        photo = msgspec.json.decode(seen.body, type=Status).checks.get("photo")
        if photo is not None and photo.state in {"verified", "rejected"}:
            return "ok" if photo.state == "verified" else str(photo.reason)
    return "none in time"


def _send(
    arrival: Arrival,
    content: bytes,
    *,
    name: str = _REGISTER,
    good: frozenset[int] = ACCEPTED,
    pieces: int = 1,
) -> Answer | None:
    number, key = arrival.flight.next_key()
    request = Request("POST", PATH, content, _headers(key), pieces=pieces, pause_seconds=_SLOW_PAUSE_SECONDS)
    answer = arrival.call(name, request, good=good)
    _account(arrival, number, answer)
    return answer


def _send_patiently(arrival: Arrival, content: bytes) -> Answer | None:
    number, key = arrival.flight.next_key()
    answer = None
    for _ in range(_PATIENT_TRIES):
        answer = arrival.call(_REGISTER, Request("POST", PATH, content, _headers(key)), good=ACCEPTED)
        if answer is not None and (answer.status in ACCEPTED or answer.status in _UNPROCESSABLE):
            break
        asked = answer.headers.get("retry-after", "1") if answer is not None else "1"
        gevent.sleep(float(asked) + random.uniform(0, 1))  # noqa: S311 - the same
    _account(arrival, number, answer)
    return answer


def _account(arrival: Arrival, number: int, answer: Answer | None) -> None:
    account = arrival.flight.account
    if answer is not None and answer.status in ACCEPTED:
        account.acked(number)
    elif answer is not None and answer.status in _SAYS_NOT_STORED:
        account.refused(number)
    else:
        account.unknown(number)


def _somebody(arrival: Arrival) -> Person:
    return person(arrival.flight.offer.seed, arrival.flight.next_person())


def _headers(key: str) -> dict[str, str]:
    return {"Content-Type": _JSON, "Idempotency-Key": key}


def _handle(answer: Answer | None) -> str | None:
    if answer is None or answer.status not in ACCEPTED:
        return None
    handle: str = msgspec.json.decode(answer.body)["handle"]
    return handle


@lru_cache(maxsize=1)
def selfie() -> bytes:
    """The picture that everybody sends. Drawing it takes a part of a second: not while people arrive."""
    return jpeg(noisy(drawn(SCENES[1]), _SENSOR_NOISE))

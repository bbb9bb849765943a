"""What strangers send as a photo, against the running front door and photo worker."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.photos import CANARY, hostile, jpeg, scene, with_everything
from tests.stack import API, Answer, Stack, eventually, gelombang, someone

MIB = 1024 * 1024
PARENT_LIMIT_BYTES = 400 * MIB
CHILD_LIMIT_BYTES = 512 * MIB
PNG = b"\x89PNG"
BOUNDARY = "photo-boundary"


class Memory:
    """The most memory that the processes which meet a photo were seen to hold, their children too."""

    def __init__(self, stack: Stack) -> None:
        pids = stack.endpoints["pids"]
        self._parents = [pid for name, pid in pids.items() if name.startswith("ingest") or name == "worker-photo"]
        self.parent_bytes = self.child_bytes = 0

    def look(self) -> None:
        """Look once."""
        self.parent_bytes = max(self.parent_bytes, *map(peak_bytes, self._parents))
        for parent in self._parents:
            for child in Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split():
                self.child_bytes = max(self.child_bytes, peak_bytes(int(child)))


def peak_bytes(pid: int) -> int:
    """The most memory that a process ever had; nothing when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def put(stack: Stack, handle: str, picture: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    """Send a picture, or a part of one."""
    kind = "image/png" if picture.startswith(PNG) else "image/jpeg"
    return stack.call("PUT", f"{API}/{handle}/photo", body=picture, headers={"Content-Type": kind, **(headers or {})})


def registered(stack: Stack) -> str:
    """The handle of somebody new."""
    handle: str = stack.register(someone()).json["handle"]
    return handle


def test_of_the_hostile_corpus_nothing_is_accepted_and_memory_is_bounded(stack: Stack) -> None:
    """Each is refused at the door or by the worker, for a reason; the books balance and honest photos go on."""
    memory, sent = Memory(stack), dict[str, str]()
    for name, picture in hostile().items():
        handle = registered(stack)
        answer = put(stack, handle, picture)
        if answer.status == 200:
            sent[name] = handle
        else:
            assert (answer.status, answer.json["code"]) == (415, "photo_type"), name
        memory.look()

    def settled() -> bool:
        memory.look()
        states = {stack.status(handle)["checks"]["photo"]["state"] for handle in sent.values()}
        return not states & {"pending", "delayed"}

    eventually(settled)
    checks = {name: stack.status(handle)["checks"]["photo"] for name, handle in sent.items()}
    assert [name for name, check in checks.items() if check["state"] != "rejected"] == []
    black = checks.pop("png that is all zeros")
    assert black["reason"] == "photo_too_dark"
    assert {check["reason"] for check in checks.values()} <= {"photo_not_readable", "photo_too_large"}
    assert memory.parent_bytes < PARENT_LIMIT_BYTES
    assert 0 < memory.child_bytes < CHILD_LIMIT_BYTES
    assert gelombang("ledger", stack.directory).returncode == 0


def whole(stack: Stack, handle: str, picture: bytes) -> None:
    """As a program sends it."""
    assert put(stack, handle, picture).status == 200


def in_parts(stack: Stack, handle: str, picture: bytes) -> None:
    """As the page's script sends it."""
    step = 40_000
    for start in range(0, len(picture), step):
        part = picture[start : start + step]
        said = {
            "Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(picture)}",
            "Content-Type": "image/jpeg",
            "Idempotency-Key": f"upload-{handle}",
        }
        assert put(stack, handle, part, said).status in {200, 202}


def by_the_form(stack: Stack, handle: str, picture: bytes) -> None:
    """As a browser without JavaScript sends it."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="selfie.jpg"\r\n\r\n'
    body = head.encode() + picture + f"\r\n--{BOUNDARY}--\r\n".encode()
    sent = stack.call(
        "POST",
        f"/r/{handle}/photo",
        body=body,
        headers={
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Origin": stack.endpoints["front_door"],
            "Sec-Fetch-Site": "same-origin",
        },
    )
    assert sent.status == 200, sent.body


@pytest.mark.parametrize("send", [whole, in_parts, by_the_form])
def test_of_what_is_stored_nothing_is_exif(stack: Stack, send: Callable[[Stack, str, bytes], None]) -> None:
    """By each of the three ways in: opened again, the stored picture has no EXIF, profile, comment or planted word."""
    handle = registered(stack)
    send(stack, handle, with_everything())
    eventually(lambda: stack.status(handle)["checks"]["photo"]["state"] == "verified")
    done = gelombang("subject export", stack.directory, "--handle", handle, "--reason", "ticket 1")
    (photo,) = json.loads(done.stdout)["registrations"][0]["photos"]
    stored = base64.b64decode(photo["picture"].partition(",")[2])
    assert CANARY not in stored
    assert b"Exif" not in stored
    assert not {0xE1, 0xE2, 0xED, 0xFE} & set(markers(stored))
    assert not [path for path in (stack.directory / "objects").iterdir() if CANARY in path.read_bytes()]


def test_a_photo_is_never_served(stack: Stack) -> None:
    """No address of the site gives it out, not even to who has the handle."""
    handle = registered(stack)
    whole(stack, handle, jpeg(scene()))
    for path in (f"{API}/{handle}/photo", f"/r/{handle}/photo"):
        assert stack.call("GET", path).status in {404, 405}


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({"Content-Type": "image/svg+xml"}, b"<svg/>", 415, "photo_type"),
        ({"Content-Type": "text/html"}, b"<html>", 415, "photo_type"),
        ({"Content-Type": "image/jpeg"}, b"\xff\xd8\xff" + bytes(11 * MIB), 413, "photo_over_limit"),
        ({"Content-Range": f"bytes 0-9/{11 * MIB}", "Idempotency-Key": "k" * 16}, b"0" * 10, 413, "photo_over_limit"),
        ({"Content-Range": "bytes 9-0/10", "Idempotency-Key": "k" * 16}, b"0" * 10, 400, "request_malformed"),
        ({"Content-Range": "bytes 0-9/10"}, b"0" * 10, 400, "idempotency_key_missing"),
    ],
)
def test_a_bad_upload_has_a_clear_answer(
    stack: Stack, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    """Wrong type, too large, said to be too large, wrong range, no key: refused, and no check has begun."""
    handle = registered(stack)
    answer = put(stack, handle, body, headers)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert "photo" not in stack.status(handle)["checks"]


def test_nobody_sends_a_photo_without_the_handle(stack: Stack) -> None:
    """A forged handle is the same 404 as everywhere."""
    assert put(stack, "A" * 40, jpeg(scene())).status == 404


def markers(picture: bytes) -> Iterator[int]:
    """The markers of a JPEG up to its pixels."""
    at = 2
    while picture[at + 1] != 0xDA:
        yield picture[at + 1]
        at += 2 + int.from_bytes(picture[at + 2 : at + 4], "big")

"""Asks a service whether it is there: one question, one short deadline, yes or no.

Every probe blocks for at most a second or so, raises nothing and leaves nothing open, so it can be polled.
"""

import contextlib
import http.client
import socket
from pathlib import Path
from urllib.parse import urlsplit

DEADLINE_SECONDS = 1.0
HTTP_SUCCESS = range(200, 300)


def http_answers(url: str) -> bool:
    """Say whether GET of an http:// URL is answered with a status of success."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=DEADLINE_SECONDS)
    with contextlib.closing(connection):
        try:
            connection.request("GET", address.path or "/")
            return connection.getresponse().status in HTTP_SUCCESS
        except (OSError, http.client.HTTPException):
            return False


def valkey_answers(path: Path) -> bool:
    """Say whether a Valkey behind this Unix socket answers PING; one that still loads its file does not yet."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(DEADLINE_SECONDS)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def socket_listens(path: Path) -> bool:
    """Say whether anything accepts connections on this Unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(DEADLINE_SECONDS)
        try:
            connection.connect(str(path))
        except OSError:
            return False
        return True


def process_lives(pid: int) -> bool:
    """Say whether a process runs. One that has ended and was not yet collected by its parent has no command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


def port_listens(host: str, port: int) -> bool:
    """Say whether anything accepts TCP connections there."""
    try:
        with socket.create_connection((host, port), timeout=DEADLINE_SECONDS):
            return True
    except OSError:
        return False

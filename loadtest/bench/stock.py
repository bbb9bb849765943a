"""What a contender has stored: made, emptied and counted between measurements, never during one.

Valkey is spoken to by its inline commands over its Unix socket: three of them do not need a client.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from registration.store.database import Database

Result = TypeVar("Result")

# A checkpoint after a large fill, or the fill itself.
_PATIENCE_SECONDS = 1_800.0


class Counted(msgspec.Struct, frozen=True):
    """Rows in the table; entries in all streams or queues together."""

    rows: int
    entries: int


@dataclass(frozen=True, kw_only=True)
class Stock:
    """One contender's table `registrations`, and the commands that count its entries in Valkey."""

    database_url: str
    valkey_socket: str
    entry_counts: Sequence[str]

    def reset(self) -> None:
        """Empty both stores, and let PostgreSQL write out what it put off, so that the next one does not pay for it."""
        self.run("truncate registrations cascade", "checkpoint")
        valkey(self.valkey_socket, "FLUSHALL SYNC")

    def flush_entries(self) -> None:
        """Empty Valkey alone, with the same checkpoint."""
        self.run("checkpoint")
        valkey(self.valkey_socket, "FLUSHALL SYNC")

    def count(self) -> Counted:
        """What is there now."""

        async def count_rows(database: Database) -> int:
            (row,) = await database.fetch("select count(*) as rows from registrations")
            return int(row["rows"])

        entries = sum(int(valkey(self.valkey_socket, command)) for command in self.entry_counts)
        return Counted(with_database(self.database_url, count_rows), entries)

    def run(self, *statements: str) -> None:
        """Run statements, each as a commit of its own."""

        async def run_all(database: Database) -> None:
            for statement in statements:
                await database.fetch(statement)

        with_database(self.database_url, run_all)


def with_database(url: str, use: Callable[[Database], Awaitable[Result]]) -> Result:
    """The result of `use` over a connection of its own. Raises `Retryable` when the server does not answer."""

    async def run() -> Result:
        database = await Database.connect(url, pool_size=1, timeout_seconds=_PATIENCE_SECONDS, name="bench")
        try:
            return await use(database)
        finally:
            await database.close()

    return asyncio.run(run())


def valkey(path: str, command: str) -> str:
    """The reply to one command whose reply is a number, a word or a text; raises OSError for an error reply too."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60.0)
        connection.connect(path)
        connection.sendall(f"{command}\r\n".encode())
        with connection.makefile("rb") as replies:
            line = replies.readline().decode().rstrip("\r\n")
            if line.startswith("$"):
                return replies.read(int(line[1:])).decode()
    if not line.startswith((":", "+")):
        raise OSError(f"Valkey answered {command!r} with {line!r}")
    return line[1:]

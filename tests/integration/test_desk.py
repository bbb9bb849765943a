"""The call-centre page in a process: who is told by the login, what is not there yet, what cannot be opened."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import aiohttp
import msgspec

from ingest.answers import Answers
from ingest.desk import Desk, Office
from ingest.desk.views import HISTORY
from ingest.shortcut import Shortcut
from monitoring.admin import Readiness, admin_server
from monitoring.metrics import Metrics
from registration.applicant import FIELDS, Applicant
from registration.checks import Kind
from registration.handles import Challenges, Handles
from registration.sealing import KeyRing, Sealer
from registration.settings import Settings
from registration.store import intake
from registration.store.database import Database
from registration.store.intake import Registration
from registration.store.work import Delay, Outcome, load_work, record_outcomes
from registration.streams.streams import Streams
from simulators.people import make_person

HEADER = "X-Forwarded-User"
SOMEONE = UUID(int=7)


@asynccontextmanager
async def serving(desk: Desk) -> AsyncIterator[str]:
    """The address of the page on an admin port."""
    metrics = Metrics()
    readiness = Readiness(metrics, "door")
    async with admin_server(host="127.0.0.1", port=0, metrics=metrics, readiness=readiness, more=desk.routes) as runner:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/desk"


def office(database: Database, streams: Streams, ring: KeyRing) -> Office:
    answers = Answers(
        recheck_seconds=60.0, database=database, shortcut=Shortcut(streams, Metrics()), challenges=Challenges(ring)
    )
    return Office(database=database, answers=answers, sealer=Sealer(ring), handles=Handles(ring))


async def ask(address: str, handle: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    form = {"handle": handle, "actor": "Siapa Saja", "reason": "tiket 3"}
    async with aiohttp.ClientSession() as session, session.post(address, data=form, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_who_asks_is_who_the_login_names(
    settings: Settings, database: Database, streams: Streams, ring: KeyRing
) -> None:
    """A typed name counts for nothing then, and without the header nothing is shown. What cannot be opened is said."""
    made = Registration(SOMEONE, b"c" * 16, b"n" * 16, b"i" * 16, b"no ciphertext of this ring")
    await intake.accept(database, [made])
    desk = Desk(msgspec.structs.replace(settings, desk_user_header=HEADER), Metrics())
    desk.open(office(database, streams, ring))
    async with serving(desk) as address:
        unnamed = await ask(address, Handles(ring).sign(made.id))
        named = await ask(address, Handles(ring).sign(made.id), {HEADER: "siti@pusat.example"})

    assert (unnamed[0], "Pemeriksaan" in unnamed[1]) == (403, False)
    assert (named[0], "Tidak dapat dibuka" in named[1], 'name="actor" value=""' in named[1]) == (200, True, False)
    rows = await database.fetch("select action, registration_id, actor, reason from subject_actions")
    assert [tuple(row) for row in rows] == [("look", made.id, "siti@pusat.example", "tiket 3")]


async def test_a_process_that_is_still_starting_says_so(settings: Settings, ring: KeyRing) -> None:
    """503 with a time to come back, on the port that is there before PostgreSQL is."""
    async with serving(Desk(settings, Metrics())) as address:
        status, page = await ask(address, Handles(ring).sign(SOMEONE))

    assert (status, "Pemeriksaan" in page) == (503, False)


async def test_what_was_set_aside_is_shown_with_its_cause(
    settings: Settings, database: Database, streams: Streams, ring: KeyRing
) -> None:
    """The case for which people call: a dead letter, which no time of a next try belongs to."""
    person = make_person(1, 1)
    applicant = Applicant(**{name: getattr(person, name) for name in FIELDS})
    sealed = Sealer(ring).seal(applicant, SOMEONE)
    await intake.accept(database, [Registration(SOMEONE, b"c" * 16, b"n" * 16, b"i" * 16, sealed)])
    (work,) = await load_work(database, Kind.EMAIL, [SOMEONE], verdict_keep_days=1.0)
    aside = Outcome(work, Delay("mail_policy", None), remember=False)
    await record_outcomes(database, Kind.EMAIL, [aside], challenge_seconds=60.0)
    desk = Desk(settings, Metrics())
    desk.open(office(database, streams, ring))
    async with serving(desk) as address:
        status, page = await ask(address, Handles(ring).sign(SOMEONE))

    assert status == 200
    assert all(words in page for words in ("mail_policy", "tidak dicoba lagi", "Disisihkan", applicant.nik[-2:]))


async def test_every_column_that_the_history_shows_is_one_of_its_table(database: Database) -> None:
    """Also of the tables that are empty in most tests."""
    rows = await database.fetch("select table_name, column_name from information_schema.columns")
    there = {(row["table_name"], row["column_name"]) for row in rows}
    tables = {part: "subject_actions" if part == "actions" else part for part in HISTORY}
    shown = {(tables[part], column) for part, (_, columns) in HISTORY.items() for column in columns}

    assert shown <= there


def test_it_is_off_unless_switched_on(settings: Settings) -> None:
    """The default of production."""
    assert settings.desk is False

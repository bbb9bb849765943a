"""Applicants who are verified throughout, put into PostgreSQL as they would stand there: sealed, digested, owning NIKs.

For rehearsals of later stages, which would otherwise wait an hour for registrations. Nothing is sent to anybody.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from uuid import UUID

import msgspec

from loadtest.rehearsal.ground import Ground
from registration.applicant import Applicant
from registration.assessment import OPTIONS, QUESTIONS, load_bank
from registration.digests import Digests
from registration.handles import Handles
from registration.sealing import Sealer
from registration.store.database import Database
from simulators.people import make_person

_BATCH = 2_000
_REGISTER = """
insert into registrations (id, content_digest, nik_digest, identity_digest, sealed,
    nik_state, email_state, phone_state, student_state, student_due_at, student_updated_at)
select id, '\\x00', nik, identity, sealed, 'verified', 'verified', 'sent', 'verified', now(), now()
from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[]) as t (id, nik, identity, sealed)
"""
_CHALLENGE = """
insert into challenges (registration_id, kind, generation, sent_at)
select id, kind, 1, now() from unnest($1::uuid[]) as t (id) cross join unnest(array['email', 'phone']) as kind
"""
_VERDICTS = "insert into identity_verdicts (identity_digest, state) select unnest($1::bytea[]), 'verified'"
_VERIFY = "update registrations set phone_state = 'verified' where id = any($1::uuid[])"
_BEGIN = """
insert into assessments (registration_id, wave, bank_version, deadline_at, answers)
select id, $2, $3, clock_timestamp() + interval '25 minutes', answers[(n - 1) * $5 + 1 : n * $5]
from unnest($1::uuid[]) with ordinality as t (id, n), (select $4::smallint[] as answers) as given
"""
_SCORE = """
update assessments set submitted_at = clock_timestamp(), scored_at = clock_timestamp(),
    motivation = get_byte(uuid_send(registration_id), 0) % 22, maths = get_byte(uuid_send(registration_id), 1) % 13
where wave = $1 and registration_id = any($2::uuid[])
"""


class Prepared(msgspec.Struct, frozen=True):
    """One of them."""

    id: UUID
    handle: str


async def verified(ground: Ground, count: int) -> Sequence[Prepared]:
    """So many applicants with everything verified."""
    digests, sealer, handles = Digests(ground.ring), Sealer(ground.ring), Handles(ground.ring)
    made: list[Prepared] = []

    def rows() -> Iterator[tuple[UUID, bytes, bytes, bytes]]:
        for index in range(count):
            person = msgspec.convert(make_person(ground.seed, index), Applicant, from_attributes=True)
            id_ = digests.registration_id(f"rehearsal-{ground.seed:x}-{index}")
            made.append(Prepared(id_, handles.sign(id_)))
            yield id_, digests.nik(person.nik), digests.identity(person), sealer.seal(person, id_)

    source = rows()
    while batch := list(islice(source, _BATCH)):
        columns = [list(column) for column in zip(*batch, strict=True)]
        async with ground.database.transaction() as connection:
            await connection.fetch(_REGISTER, *columns)
            await connection.fetch(_CHALLENGE, columns[0])
            await connection.fetch(_VERDICTS, columns[2])
            await connection.fetch(_VERIFY, columns[0])
    ground.say(f"{count:,} verified applicants stand in PostgreSQL")
    return made


async def begin_tests(ground: Ground, people: Sequence[Prepared], *, wave: int) -> None:
    """They have all begun the test and answered every question, at random; none is sent."""
    version = load_bank().version
    for batch in _batches(people):
        answers = [ground.randomness.randrange(OPTIONS) for _ in range(len(batch) * QUESTIONS)]
        await ground.database.fetch(_BEGIN, batch, wave, version, answers, QUESTIONS)


async def finish_tests(database: Database, people: Sequence[Prepared], *, wave: int) -> None:
    """Their tests are sent and scored, with points as chance has it."""
    for batch in _batches(people):
        await database.fetch(_SCORE, wave, batch)


def _batches(people: Sequence[Prepared]) -> Iterator[list[UUID]]:
    for start in range(0, len(people), _BATCH):
        yield [person.id for person in people[start : start + _BATCH]]

"""From the verified registration to the result, over HTTP and by the commands of operators."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulators.people import Person
from tests.stack import API, ENVIRONMENT, Answer, Stack, eventually, found, gelombang, running, someone

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
RECOMPUTE = Path(__file__).parents[2] / "tools" / "recompute_selection.py"
PEOPLE = 6


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system of its own: a wave stands open in it, for those who do not study."""
    with running(tmp_path_factory.mktemp("wave") / "data", processes=1, environment={}) as started:
        yield started


def wave(stack: Stack, *options: str) -> "subprocess.CompletedProcess[str]":
    """A `gelombang wave` command."""
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "gelombang", "wave", *options, "--data-dir", str(stack.directory)],
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
    )


def moment(**later: float) -> str:
    return f"{datetime.now(UTC) + timedelta(**later):%Y-%m-%dT%H:%M:%S%z}"


def assert_told(stack: Stack, person: Person, *, selected: bool) -> None:
    """One mail that says which and leads to the page, one text message that says neither which nor where."""
    mails, messages = ("mailbox", person.email), ("sms", person.phone)
    eventually(lambda: len(stack.received(*mails)) == len(stack.received(*messages)) == 2)
    mail, message = stack.received(*mails)[0], stack.received(*messages)[0]
    assert ("Selamat! Anda terpilih" in mail) == selected
    assert stack.call("GET", found(r"/r/[A-Za-z0-9_-]+/test", mail)).status == 200
    assert "Hasil gelombang 1" in message
    assert "/r/" not in message


def assert_told_why_not(stack: Stack, newcomer: str, untested: str) -> None:
    """Who comes too early learns what is missing."""
    assert post(stack, f"{newcomer}/test").json["code"] == "checks_incomplete"
    assert post(stack, f"{newcomer}/join", {"wave": 1}).json["code"] == "checks_incomplete"
    assert post(stack, f"{untested}/join", {"wave": 1}).json["code"] == "test_not_done"
    assert post(stack, f"{untested}/test/answer", {"question": 0, "option": 0}).json["code"] == "test_not_started"
    assert post(stack, f"{untested}/test/submit").json["code"] == "test_not_started"


def complete(stack: Stack, person: Person) -> str:
    """Somebody is verified throughout; gives the handle."""
    handle: str = stack.register(person).json["handle"]
    eventually(lambda: stack.status(handle)["checks"]["nik"]["state"] == "verified")
    stack.confirm(person, handle)
    eventually(lambda: stack.status(handle)["state"] == "complete")
    return handle


def post(stack: Stack, path: str, body: Any = None) -> Answer:  # noqa: ANN401 - anything can be posted
    return stack.call("POST", f"{API}/{path}", body=json.dumps(body).encode(), headers=JSON)


def progress(stack: Stack, handle: str) -> Any:  # noqa: ANN401 - whatever was sent
    return stack.call("GET", f"{API}/{handle}/wave").json


def take_test(stack: Stack, handle: str) -> None:
    """Answer some questions at random, then send."""
    chance = random.Random(handle)  # noqa: S311 - made-up answers
    assert post(stack, f"{handle}/test").status == 200
    for question in range(19):
        sent = post(stack, f"{handle}/test/answer", {"question": question, "option": chance.randrange(4)})
        assert sent.status == 200, sent.body
    assert post(stack, f"{handle}/test/submit").status == 200


def look_at_the_test_from_two_devices(stack: Stack, handle: str) -> None:
    """One attempt: the same questions in the same order, answers kept, whoever asks; and no key in what is sent."""
    first = post(stack, f"{handle}/test").json
    assert post(stack, f"{handle}/test/answer", {"question": 3, "option": 1}).status == 200
    assert post(stack, f"{handle}/test/answer", {"question": 19, "option": 1}).json["code"] == "fields_wrong"
    second = post(stack, f"{handle}/test").json
    assert (second["questions"], second["deadline_at"]) == (first["questions"], first["deadline_at"])
    assert second["answers"][3] == 1
    assert all(question.keys() == {"text", "options"} for question in second["questions"])
    page = stack.call("GET", f"/r/{handle}/test").body.decode()
    assert 'id="q3-1" name="q3" value="1" checked' in page
    saved = stack.call("POST", f"/r/{handle}/test/answer", body=b"q4=2&then=save", headers=FORM)
    assert saved.status == 200, "the browser is led back to the questions"
    assert stack.call("GET", f"{API}/{handle}/test").json["answers"][3:5] == [1, 2]


def check_the_signed_result(stack: Stack, signed: Path) -> None:
    """The key ring knows its own file, the independent script comes to the same, and a changed one is not good."""
    assert wave(stack, "result", "1", "--output", str(signed)).returncode == 0
    assert wave(stack, "result", "--check", str(signed)).returncode == 0
    line = [sys.executable, "-I", str(RECOMPUTE), str(signed)]
    assert subprocess.run(line, check=False, capture_output=True).returncode == 0  # noqa: S603 - our own script
    signed.write_text(signed.read_text().replace('"rank":1,', '"rank":7,'))
    assert wave(stack, "result", "--check", str(signed)).returncode == 1
    assert subprocess.run(line, check=False, capture_output=True).returncode == 1  # noqa: S603 - the same


def check_what_monitoring_was_told(stack: Stack) -> None:
    """Every try to join by what came of it, and the funnel to its end."""
    outcomes = {"joined": 2 * PEOPLE, "incomplete": 1, "not_tested": 1, "not_open": 1}
    joins = stack.metric("gelombang_joins_total")
    assert joins == {f'outcome="{outcome}"': [count] for outcome, count in outcomes.items()}
    ends = {"test_begun": PEOPLE, "test_ended": PEOPLE, "tested": PEOPLE, "joined": PEOPLE, "selected": 2}

    def has_come(stage: str, count: int) -> bool:
        return stack.metric("gelombang_people").get(f'stage="{stage}"') == [count]

    eventually(lambda: all(has_come(stage, count) for stage, count in {**ends, "announced": PEOPLE}.items()))


def test_the_whole_way_to_the_result(stack: Stack, tmp_path: Path) -> None:
    """Planned, opened, tested, joined, closed, selected: exact, and recomputed by the independent script."""
    people = [someone() for _ in range(PEOPLE)]
    handles = [complete(stack, person) for person in people]
    assert progress(stack, handles[0])["wave"] is None
    assert post(stack, f"{handles[0]}/test").json["code"] == "wave_not_open"

    planned = wave(stack, "plan", "1", "--quota", "2", "--opens", moment(seconds=-5), "--closes", moment(hours=1))
    assert planned.returncode == 0, planned.stderr
    promised = found(r"[0-9a-f]{64}", planned.stdout)
    refused = wave(stack, "open", "1")
    assert (refused.returncode, "--proof" in refused.stderr) == (3, True)
    (tmp_path / "proof.json").write_text('{"payload": {}, "signature": "00"}')
    forged = wave(stack, "open", "1", "--proof", str(tmp_path / "proof.json"))
    assert (forged.returncode, "no record of a proof" in forged.stderr) == (3, True)
    assert wave(stack, "open", "1", "--override", "a test").returncode == 0

    assert progress(stack, handles[0])["wave"]["open"]
    assert progress(stack, handles[0])["wave"]["seed_commitment"] == promised
    newcomer = stack.register(someone()).json["handle"]
    assert_told_why_not(stack, newcomer, handles[0])
    look_at_the_test_from_two_devices(stack, handles[0])
    for handle in handles:
        take_test(stack, handle)
    assert post(stack, f"{handles[0]}/test/answer", {"question": 0, "option": 0}).json["code"] == "test_ended"
    eventually(lambda: all(progress(stack, handle)["test"] == "scored" for handle in handles))
    for handle in handles * 2:  # joining again changes nothing
        joined = post(stack, f"{handle}/join", {"wave": 1})
        assert joined.status == 200, joined.body
    assert wave(stack, "select", "1", "--out", str(tmp_path / "early.csv")).returncode == 3, "it is not closed"
    assert wave(stack, "close", "1", "--early").returncode == 0
    late = post(stack, f"{newcomer}/join", {"wave": 1})
    assert (late.status, late.json["code"]) == (422, "wave_not_open")

    selected = wave(stack, "select", "1", "--out", str(tmp_path / "result.csv"))
    assert selected.returncode == 0, selected.stderr
    seed = found(r"--seed [0-9a-f]{64}", selected.stdout).split()[1]
    arguments = ["--seed", seed, "--commitment", promised, "--quota", "2"]
    recomputed = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-I", str(RECOMPUTE), str(tmp_path / "result.csv"), *arguments],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (recomputed.returncode, recomputed.stdout.startswith(f"{PEOPLE} entries, 2 selected")) == (0, True)
    assert progress(stack, handles[0])["result"] is None, "not announced yet"
    assert wave(stack, "announce", "1", "--per-second", "1000").returncode == 0
    assert wave(stack, "announce", "1").returncode == 3, "once"
    results = [progress(stack, handle)["result"] for handle in handles]
    assert sorted(result["rank"] for result in results) == list(range(1, PEOPLE + 1))
    assert all(result["selected"] == (result["rank"] <= 2) for result in results)
    for person, result in zip(people, results, strict=True):
        assert_told(stack, person, selected=result["selected"])
    winner = next(handle for handle, result in zip(handles, results, strict=True) if result["selected"])
    assert "Selamat!" in stack.call("GET", f"/r/{winner}/test").body.decode()
    check_the_signed_result(stack, tmp_path / "result.json")
    again = wave(stack, "select", "1", "--out", str(tmp_path / "again.csv"))
    assert again.returncode == 0
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "result.csv").read_bytes()
    assert gelombang("ledger", stack.directory).returncode == 0
    check_what_monitoring_was_told(stack)


def affected(stack: Stack, file: Path) -> "subprocess.CompletedProcess[str]":
    """A `gelombang affected import`."""
    return subprocess.run(  # noqa: S603 - our own command
        [
            *(sys.executable, "-m", "gelombang", "affected", "import", str(file), "--source", "a test"),
            *("--data-dir", str(stack.directory)),
        ],
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
    )


def test_a_list_of_affected_workers_is_imported_once_and_bad_rows_are_named(stack: Stack, tmp_path: Path) -> None:
    """Lines and reasons, nothing personal; sent again nothing changes; a semicolon and a byte-order mark are fine."""
    people = [someone() for _ in range(50)]
    lines = [f"{person.name};{person.nik}" for person in people]
    lines[10:10] = ["Tanpa NIK;", "Salah;123", "Rusak dari Excel;3,17401E+15", '"dua\nbaris";123', "kurang kolom"]
    file = tmp_path / "list.csv"
    file.write_text("\ufeffNama;NIK\n" + "\n".join(lines) + "\n", encoding="utf-8")
    first = affected(stack, file)
    assert (first.returncode, "50 new" in first.stdout, "5 bad" in first.stdout) == (1, True, True), first.stderr
    report = (tmp_path / "list.csv.rejected.csv").read_text().split()
    assert report == [
        *("line,reason", "12,nik_missing", "13,nik_format", "14,nik_format", "16,nik_format", "17,nik_missing"),
    ]
    assert "0 new, 50 known before" in affected(stack, file).stdout
    file.write_text("nama;nomor\nx;1\n")
    assert (affected(stack, file).returncode, "column `nik`" in affected(stack, file).stderr) == (3, True)

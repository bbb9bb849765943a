"""What the ministry stand-in answers, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from simulators.ministry.control import Window
from simulators.people import make_person
from simulators.stand_ins import StandIns

VERIFY = "/dukcapil/get_json/gelombang/CALL_VERIFY_BY_ELEMEN"
AGREED = {"NIK": "Sesuai", "NAMA_LGKP": "Sesuai (100)", "TMPT_LHR": "Sesuai (100)", "TGL_LHR": "Sesuai"}
NOT_FOUND = {"RESPON": "Data Tidak Ditemukan"}
STUDENT = "/dikti/get_json/tester/CALL_CHECK_STUDENT"
QUOTA = {"RESPON": "Kuota Akses Hari ini telah Habis"}


@pytest.fixture
async def students() -> AsyncIterator[aiohttp.ClientSession]:
    async with StandIns(seed=1) as outside, aiohttp.ClientSession(outside.student_url) as session:
        yield session


@pytest.fixture
async def ministry() -> AsyncIterator[aiohttp.ClientSession]:
    async with StandIns(seed=1) as outside, aiohttp.ClientSession(outside.ministry_url) as session:
        yield session


def query(serial: int = 1, **changes: str | int) -> dict[str, str | int]:
    person = {"NAMA_LGKP": "BUDI SANTOSO", "TMPT_LHR": "JAKARTA", "TGL_LHR": "03-02-1990"}
    return {"NIK": f"317401030290{serial:04}", **person, "USER_ID": "u", "PASSWORD": "p", "IP_USER": "i", **changes}


async def content(ministry: aiohttp.ClientSession, asked: dict[str, str | int]) -> dict[str, str]:
    async with ministry.post(VERIFY, json=asked) as response:
        assert response.status == 200
        page: dict[str, list[dict[str, str]]] = await response.json()
    return page["content"][0]


async def set_control(ministry: aiohttp.ClientSession, **control: object) -> None:
    async with ministry.put("/control", json=control) as response:
        assert response.status == 200, await response.text()


async def calls(ministry: aiohttp.ClientSession) -> dict[str, Any]:
    async with ministry.get("/calls") as response:
        report: dict[str, Any] = await response.json()
        return report


async def call_hangs(ministry: aiohttp.ClientSession, asked: dict[str, str | int]) -> bool:
    """Whether a call is inside and stays there until its caller leaves."""
    call = asyncio.create_task(ministry.post(VERIFY, json=asked).__aenter__())
    while (await calls(ministry))["concurrency"] == 0:
        assert not call.done()
    hung = not call.done()
    call.cancel()
    while (await calls(ministry))["concurrency"] > 0:
        pass
    return hung and (await calls(ministry))["by_answer"] == {"abandoned": 1}


async def test_a_well_formed_nik_agrees(ministry: aiohttp.ClientSession) -> None:
    """By default everyone exists, and the reply is a page with one row."""
    async with ministry.post(VERIFY, json=query()) as response:
        page = await response.json()
    assert page.pop("content") == [AGREED]
    assert {"lastPage": True, "numberOfElements": 1, "totalElements": 1, "size": 1}.items() <= page.items()


async def test_only_what_was_asked_is_answered(ministry: aiohttp.ClientSession) -> None:
    """A field that was not sent gets no verdict, and more fields than the usual get theirs."""
    assert await content(ministry, {"NIK": "3174010302900001"}) == {"NIK": "Sesuai"}
    assert await content(ministry, {"NIK": "3174010302900001", "ALAMAT": "JL MAWAR 1", "JENIS_KLMIN": "LAKI-LAKI"}) == {
        "NIK": "Sesuai",
        "ALAMAT": "Sesuai (100)",
        "JENIS_KLMIN": "Sesuai",
    }


@pytest.mark.parametrize("nik", ["", "123", "3174019902900001", "31740103029000011"])
async def test_a_malformed_nik_is_not_found(ministry: aiohttp.ClientSession, nik: str) -> None:
    """A number that cannot be a NIK is nobody's."""
    assert await content(ministry, query(NIK=nik)) == NOT_FOUND


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"NAMA_LGKP": "BUDI"}', b'{"NIK": 1}', b'{"NIK": "\xff"}'])
async def test_a_request_that_cannot_be_read_is_refused(ministry: aiohttp.ClientSession, body: bytes) -> None:
    """A client's mistake in the wire format is loud."""
    async with ministry.post(VERIFY, data=body) as response:
        assert response.status == 400
        assert (await response.json())["error"]


@pytest.mark.parametrize(
    ("serial", "differing"),
    [
        (9001, {"NAMA_LGKP": "Tidak Sesuai (0)"}),
        (9002, {"TGL_LHR": "Tidak Sesuai"}),
        (9003, {"TMPT_LHR": "Tidak Sesuai (0)"}),
    ],
)
async def test_a_special_serial_differs_in_one_field(
    ministry: aiohttp.ClientSession, serial: int, differing: dict[str, str]
) -> None:
    """9001 to 9003 are people of whom one thing is wrong."""
    assert AGREED | differing == await content(ministry, query(serial))


async def test_serial_9014_is_inactive(ministry: aiohttp.ClientSession) -> None:
    """Found but deceased, duplicate or blocked: code 14."""
    assert (await content(ministry, query(9014)))["RESPONSE_CODE"] == "14"


async def test_serial_9404_is_never_found(ministry: aiohttp.ClientSession) -> None:
    """However often it is asked."""
    assert [await content(ministry, query(9404)) for _ in range(4)] == [NOT_FOUND] * 4


async def test_serial_9405_is_found_the_third_time(ministry: aiohttp.ClientSession) -> None:
    """A copy of the registry that is behind catches up, for each NIK by itself."""
    assert [await content(ministry, query(9405)) for _ in range(4)] == [NOT_FOUND, NOT_FOUND, AGREED, AGREED]
    assert await content(ministry, query(NIK="3174020302909405")) == NOT_FOUND


async def test_serial_9429_has_no_quota_left(ministry: aiohttp.ClientSession) -> None:
    """The quota is told as text with status 200, for this NIK only."""
    assert await content(ministry, query(9429)) == QUOTA
    assert await content(ministry, query()) == AGREED


async def test_serial_9200_gets_an_html_page(ministry: aiohttp.ClientSession) -> None:
    """A page for people, with status 200."""
    async with ministry.post(VERIFY, json=query(9200)) as response:
        assert (response.status, response.content_type) == (200, "text/html")
        assert "<html>" in await response.text()


async def test_serial_9500_gets_http_500(ministry: aiohttp.ClientSession) -> None:
    """A server error."""
    async with ministry.post(VERIFY, json=query(9500)) as response:
        assert response.status == 500


async def test_serial_9504_never_answers(ministry: aiohttp.ClientSession) -> None:
    """The call stays open until the caller gives up, and is then gone from the ministry too."""
    assert await call_hangs(ministry, query(9504))


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("quota", QUOTA["RESPON"]),
        ("login", "Login Gagal"),
        ("ip", "IP Address Tidak Sesuai"),
        ("ip_unknown", "IP Client Tidak terdaftar"),
    ],
)
async def test_a_fault_can_be_told_as_text(ministry: aiohttp.ClientSession, fault: str, text: str) -> None:
    """Quota, login and address failures look like an ordinary page."""
    await set_control(ministry, faults={fault: 1})
    assert {"RESPON": text} == await content(ministry, query())


@pytest.mark.parametrize(
    ("fault", "status", "content_type"),
    [
        ("http_500", 500, "text/plain"),
        ("http_503", 503, "application/json"),
        ("http_429", 429, "application/json"),
        ("html", 200, "text/html"),
        ("maintenance", 503, "text/html"),
        *((name, 200, "application/json") for name in ("empty", "garbage", "wrong_schema", "wrong_encoding")),
        *((name, 200, "application/json") for name in ("no_content", "numbers", "oversized", "unknown_text")),
    ],
)
async def test_a_fault_can_be_an_http_reply(
    ministry: aiohttp.ClientSession, fault: str, status: int, content_type: str
) -> None:
    """Replies that are whole but no answer."""
    await set_control(ministry, faults={fault: 1}, retry_after_seconds=7)
    async with ministry.post(VERIFY, json=query()) as response:
        await response.read()
        assert (response.status, response.content_type) == (status, content_type)
        assert response.headers.get("Retry-After") == ("7" if fault in {"http_429", "maintenance"} else None)


async def test_a_fault_can_redirect_for_ever(ministry: aiohttp.ClientSession) -> None:
    """The address to go to is the one that was asked."""
    await set_control(ministry, faults={"redirect": 1})
    async with ministry.post(VERIFY, json=query(), allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, str(response.url))


async def test_a_fault_can_trickle(ministry: aiohttp.ClientSession) -> None:
    """Bytes keep coming, one at a time, and never make a whole reply."""
    await set_control(ministry, faults={"trickle": 1})
    async with ministry.post(VERIFY, json=query()) as response:
        assert response.status == 200
        assert [len(await response.content.readany()) for _ in range(2)] == [1, 1]
        assert not response.content.at_eof()


async def test_a_fault_can_cut_the_reply_short(ministry: aiohttp.ClientSession) -> None:
    """The connection ends in the middle of a page with status 200."""
    await set_control(ministry, faults={"truncated": 1})
    async with ministry.post(VERIFY, json=query()) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_a_fault_can_reset_the_connection(ministry: aiohttp.ClientSession) -> None:
    """The connection ends before any reply."""
    await set_control(ministry, faults={"reset": 1})
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await ministry.post(VERIFY, json=query())


async def test_a_fault_can_hang(ministry: aiohttp.ClientSession) -> None:
    """The connection stays open and silent."""
    await set_control(ministry, faults={"hang": 1})
    assert await call_hangs(ministry, query())


async def test_faults_meet_their_share_of_calls(ministry: aiohttp.ClientSession) -> None:
    """With shares below one, some calls fail each way and the others are answered."""
    await set_control(ministry, faults={"quota": 0.3, "login": 0.3})
    for _ in range(100):
        await content(ministry, query())
    assert {"quota", "login", "verdict"} == set((await calls(ministry))["by_answer"])


async def test_a_ministry_that_is_down_answers_503_to_everyone(ministry: aiohttp.ClientSession) -> None:
    """Down means down, and the control still works to bring it back."""
    await set_control(ministry, down=True)
    async with ministry.post(VERIFY, json=query()) as response:
        assert response.status == 503
    await set_control(ministry)
    assert await content(ministry, query()) == AGREED


async def test_a_daily_quota_runs_out(ministry: aiohttp.ClientSession) -> None:
    """After that many calls the rest of the day is refused; setting the control starts a new count."""
    await set_control(ministry, daily_quota=2)
    assert [await content(ministry, query()) for _ in range(3)] == [AGREED, AGREED, QUOTA]
    await set_control(ministry, daily_quota=1)
    assert [await content(ministry, query()) for _ in range(2)] == [AGREED, QUOTA]


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"USER_ID": "x"}, "Login Gagal"),
        ({"PASSWORD": "x"}, "Login Gagal"),
        ({"IP_USER": "x"}, "IP Address Tidak Sesuai"),
    ],
)
async def test_credentials_are_checked_once_they_are_set(
    ministry: aiohttp.ClientSession, wrong: dict[str, str], text: str
) -> None:
    """Wrong credentials are told as text; without set credentials anything goes."""
    assert await content(ministry, {**query(), **wrong}) == AGREED
    await set_control(ministry, credentials={"user_id": "u", "password": "p", "ip_user": "i"})
    assert {"RESPON": text} == await content(ministry, {**query(), **wrong})
    assert await content(ministry, query()) == AGREED


async def test_a_population_is_all_the_ministry_knows(ministry: aiohttp.ClientSession) -> None:
    """Its people agree in any case of letters, strangers are not found, and special serials stay special."""
    await set_control(ministry, population={"seed": 7, "size": 10})
    member, stranger = make_person(7, 9), make_person(7, 10)
    for person, expected in ((member, AGREED), (stranger, NOT_FOUND)):
        date = f"{person.birth_date:%d-%m-%Y}"
        asked = query(NIK=person.nik, NAMA_LGKP=person.name.upper(), TMPT_LHR=person.birth_place, TGL_LHR=date)
        assert expected == await content(ministry, asked)
    assert await content(ministry, query(9002)) == AGREED | {"TGL_LHR": "Tidak Sesuai"}


async def test_a_population_is_compared_field_by_field(ministry: aiohttp.ClientSession) -> None:
    """Each field that differs says so by itself, texts with a score."""
    await set_control(ministry, population={"seed": 7, "size": 10})
    person = make_person(7, 3)
    asked = query(NIK=person.nik, NAMA_LGKP="0", TMPT_LHR=person.birth_place, TGL_LHR="01-01-1900")
    differing = {"NAMA_LGKP": "Tidak Sesuai (0)", "TGL_LHR": "Tidak Sesuai"}
    assert AGREED | differing == await content(ministry, asked)


@pytest.mark.parametrize(("threshold", "verdict"), [("50", "Sesuai"), (50, "Sesuai"), ("100", "Tidak Sesuai")])
async def test_a_threshold_forgives_a_typing_mistake(
    ministry: aiohttp.ClientSession, threshold: str | int, verdict: str
) -> None:
    """TRESHOLD is the least score of a text that agrees."""
    await set_control(ministry, population={"seed": 7, "size": 10})
    person = make_person(7, 3)
    asked = query(NIK=person.nik, NAMA_LGKP=person.name + "x", TRESHOLD=threshold)
    score = (await content(ministry, asked))["NAMA_LGKP"]
    assert verdict == score.partition(" (")[0]
    assert "(100)" not in score


async def test_maintenance_ends_and_says_when(ministry: aiohttp.ClientSession) -> None:
    """During the window everyone is sent away until its end; before and after it the registry works."""
    await set_control(ministry, maintenance={"seconds": 100})
    async with ministry.post(VERIFY, json=query()) as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "100")
    await set_control(ministry, maintenance={"seconds": 100, "start_seconds": 100})
    assert await content(ministry, query()) == AGREED


@pytest.mark.parametrize(
    ("elapsed", "left"), [(0, 0), (9.5, 0), (10, 5), (14, 1), (15, 0), (30, 5), (34, 1), (35, 0), (70, 5)]
)
def test_a_window_comes_again(elapsed: float, left: float) -> None:
    """Ten seconds after it was set, for five, and again every twenty."""
    assert Window(seconds=5, start_seconds=10, every_seconds=20).left(elapsed) == left


async def test_a_rate_limit_sends_away_who_comes_too_often(ministry: aiohttp.ClientSession) -> None:
    """Within any second the calls beyond the limit get 429 and count as calls."""
    await set_control(ministry, rate_limit_per_second=3, retry_after_seconds=1)
    statuses = []
    for _ in range(5):
        async with ministry.post(VERIFY, json=query()) as response:
            statuses.append(response.status)
    assert statuses[:3] == [200, 200, 200]
    assert 429 in statuses
    assert (await calls(ministry))["total"] == 5


async def test_a_brown_out_leaves_fewer_servers(ministry: aiohttp.ClientSession) -> None:
    """With a quarter of four servers, one call holds all there is; when it is over, the next gets through."""
    brown_out = {"seconds": 3600, "capacity_share": 0.25, "slowdown": 10}
    await set_control(ministry, capacity=4, latency_seconds=3600, brown_out=brown_out)
    waiting = [asyncio.create_task(ministry.post(VERIFY, json=query()).__aenter__()) for _ in range(2)]
    while (await calls(ministry))["concurrency"] < 2:
        pass
    await set_control(ministry, capacity=4)
    done, held = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), len(held)) == (1, 1)
    held.pop().cancel()


async def test_a_patch_changes_only_what_it_names(ministry: aiohttp.ClientSession) -> None:
    """A run that turns one screw leaves the others: null takes a limit away."""
    await set_control(ministry, capacity=3, daily_quota=5, faults={"html": 0.5})
    async with ministry.patch("/control", json={"daily_quota": None, "faults": {"empty": 0.25}}) as response:
        control = await response.json()
    assert (control["capacity"], control["daily_quota"]) == (3, None)
    assert (control["faults"]["html"], control["faults"]["empty"]) == (0.5, 0.25)
    async with ministry.patch("/control", json={"faults": {"hang": 0.5}}) as response:
        assert response.status == 400, "together more than 1"


async def test_the_control_is_replaced_whole(ministry: aiohttp.ClientSession) -> None:
    """What a PUT leaves out returns to its default, and DELETE resets everything."""
    await set_control(ministry, latency_seconds=0.001, latency_sigma=0.5, capacity=3)
    await set_control(ministry, capacity=4)
    async with ministry.get("/control") as response:
        control = await response.json()
    assert (control["latency_seconds"], control["capacity"]) == (0, 4)
    async with ministry.delete("/control") as response:
        assert (await response.json())["capacity"] is None


@pytest.mark.parametrize(
    ("control", "named"),
    [
        ({"latency": 1}, "latency"),
        ({"latency_seconds": -1}, "latency_seconds"),
        ({"capacity": 1.5}, "capacity"),
        ({"faults": {"hang": 2}}, "hang"),
        ({"faults": {"hang": 0.6, "html": 0.6}}, "more than 1"),
        ({"population": {"seed": 1}}, "size"),
        ({"maintenance": {"seconds": 0}}, "seconds"),
        ({"brown_out": {"seconds": 1, "slowdown": 0.5}}, "slowdown"),
    ],
)
async def test_a_wrong_control_is_refused_with_its_reason(
    ministry: aiohttp.ClientSession, control: dict[str, object], named: str
) -> None:
    """The message names what is wrong, and nothing changes."""
    await set_control(ministry, capacity=9)
    async with ministry.put("/control", json=control) as response:
        assert response.status == 400
        assert named in (await response.json())["error"]
    async with ministry.get("/control") as response:
        assert (await response.json())["capacity"] == 9


# The registry of students


@pytest.mark.parametrize(
    ("serial", "words"),
    [
        (1, ["Tidak Terdaftar"] * 2),
        (9601, ["Aktif"] * 2),
        (9602, ["Tidak Aktif"] * 2),
        (9603, ["Aktif", "Tidak Aktif"]),
    ],
)
async def test_who_studies_is_told_by_the_serial(
    students: aiohttp.ClientSession, serial: int, words: list[str]
) -> None:
    """Nobody does, except by the table; each answer repeats the NIK that was asked."""
    asked = query(serial)
    said = []
    for _ in words:
        async with students.post(STUDENT, json=asked) as response:
            said += (await response.json())["content"]
    assert said == [{"NIK": asked["NIK"], "STATUS_PESERTA_DIDIK": word} for word in words]
    assert (await calls(students))["total"] == len(words)


async def test_each_registry_answers_its_own_call_only(
    students: aiohttp.ClientSession, ministry: aiohttp.ClientSession
) -> None:
    """A client that mixes them up is told so."""
    for session, path in ((students, VERIFY), (ministry, STUDENT)):
        async with session.post(path, json=query()) as response:
            assert response.status == 404

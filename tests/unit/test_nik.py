"""NIK: taken apart and put together again, and nothing impossible let through."""

import itertools
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registration.nik import Nik, NikFormatError, Sex, compose, parse
from registration.regions import provinces, regencies

MAN = "3174010302900001"
WOMAN = "3174014302900001"
DISTRICTS = st.integers(min_value=100_000, max_value=999_999).map(str)
SERIALS = st.integers(min_value=1, max_value=9999)


@settings(deadline=None)
@given(district=DISTRICTS, birth_date=st.dates(), sex=st.sampled_from(Sex), serial=SERIALS)
def test_what_was_put_together_comes_apart_as_it_was(district: str, birth_date: date, sex: Sex, serial: int) -> None:
    """Parsing undoes composing for any date, sex, region and serial."""
    text = compose(district_code=district, birth_date=birth_date, sex=sex, serial=serial)

    assert parse(text) == Nik(
        text=text,
        district_code=district,
        day=birth_date.day,
        month=birth_date.month,
        year=birth_date.year % 100,
        sex=sex,
        serial=serial,
    )


@settings(deadline=None)
@given(district=DISTRICTS, birth_date=st.dates(), sex=st.sampled_from(Sex), serial=SERIALS)
def test_a_nik_agrees_with_its_own_birth_date_in_every_century(
    district: str, birth_date: date, sex: Sex, serial: int
) -> None:
    """The two-digit year and the woman's day plus 40 hide nothing from the comparison."""
    nik = parse(compose(district_code=district, birth_date=birth_date, sex=sex, serial=serial))

    assert nik.agrees_with(birth_date)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "317401030290000",
        "31740103029000011",
        f"{MAN}\n",
        f"{MAN} ",
        f" {MAN}",
        f"\n{MAN}",
        "3174 0103 0290 0001",
        "31740103029000O1",
        "-174010302900001",
        "+174010302900001",
        "317401030290.001",
        "٣١٧٤٠١٠٣٠٢٩٠٠٠٠١",
        "３１７４０１０３０２９００００１",
        "317401030290000١",
        "317401030290\x000001",
        "3174010302900000",
        "0174010302900001",
        "0000000000000000",
        "3174010002900001",
        "3174013202900001",
        "3174014002900001",
        "3174017202900001",
        "3174019902900001",
        "3174010300900001",
        "3174010313900001",
        "3174010399900001",
    ],
)
def test_what_cannot_be_a_nik_is_refused(text: str) -> None:
    """Wrong length, other characters, and a day, month or serial that cannot be."""
    with pytest.raises(NikFormatError):
        parse(text)


@settings(deadline=None)
@given(text=st.text(max_size=20) | st.text(alphabet="0123456789٠١٢\n", min_size=15, max_size=18))
def test_whatever_is_accepted_is_sixteen_ascii_digits(text: str) -> None:
    """No text at all slips through as something else than a NIK, or fails in another way."""
    try:
        nik = parse(text)
    except NikFormatError:
        return
    assert len(text) == 16
    assert text.isascii()
    assert text.isdigit()
    assert text == nik.text


@pytest.mark.parametrize("day", [*range(1, 32), *range(41, 72)])
def test_every_day_of_a_man_and_of_a_woman_is_possible(day: int) -> None:
    """Men have the days 1 to 31, women 41 to 71."""
    nik = parse(f"317401{day:02}1290{1:04}")

    assert (day % 40, Sex.FEMALE if day > 40 else Sex.MALE) == (nik.day, nik.sex)


@pytest.mark.parametrize("text", ["3174013102900001", "3174017102900001", "3174013104900001"])
def test_a_day_that_its_month_does_not_have_is_no_format_error(text: str) -> None:
    """31 February was issued at times: the applicant confirms it, nobody is refused for it."""
    assert parse(text).day == 31


def test_a_day_that_its_month_does_not_have_agrees_with_no_birth_date() -> None:
    """31 February is nobody's birthday, so it is always a doubt to confirm."""
    nik = parse("3174013102900001")

    assert not any(nik.agrees_with(date(1990, month, day)) for month, day in itertools.product((2, 3), range(1, 29)))


@pytest.mark.parametrize("text", ["3199010302900001", "9901010302900001", "5401010302900001"])
def test_a_region_on_no_list_is_no_error(text: str) -> None:
    """Provinces and regencies were split and renamed: an unknown code only has no name."""
    assert parse(text).regency_name is None


@pytest.mark.parametrize("province", ["54", "77", "10", "98"])
def test_an_old_or_unknown_province_still_parses(province: str) -> None:
    """East Timor's 54 is on no list today, but people carry it."""
    nik = parse(f"{province}01010302900001")

    assert nik.province_name is None


def test_a_known_region_has_its_names() -> None:
    """The first two and four digits name province and regency of issue."""
    nik = parse(MAN)

    assert nik.province_name == "DKI JAKARTA"
    assert "JAKARTA SELATAN" in str(nik.regency_name)


def test_every_regency_lies_in_a_known_province() -> None:
    """The two bundled lists fit together, and every code on them can stand in a NIK."""
    assert len(regencies()) > 500
    for code in regencies():
        nik = parse(f"{code}010302900001")
        assert nik.province_name == provinces()[code[:2]]
        assert nik.regency_name == regencies()[code]


@pytest.mark.parametrize("text", [MAN, WOMAN])
def test_men_and_women_agree_with_the_same_birth_date(text: str) -> None:
    """The 40 on a woman's day is taken off before comparing."""
    assert parse(text).agrees_with(date(1990, 2, 3))


@pytest.mark.parametrize("birth_date", [date(1990, 2, 4), date(1990, 3, 3), date(1991, 2, 3), date(1990, 3, 2)])
@pytest.mark.parametrize("text", [MAN, WOMAN])
def test_another_birth_date_does_not_agree(text: str, birth_date: date) -> None:
    """Day, month and year each count."""
    assert not parse(text).agrees_with(birth_date)

import pytest

from ingest import wording
from ingest.wording import LANGUAGES
from registration.applicant import CONFIRMABLE, FIELDS
from registration.checks import MOVES, Kind, Overall, Reason, State

PROBLEM_CODES = (
    *("photo_type", "photo_over_limit", "photo_settled"),
    *("wave_not_open", "checks_incomplete", "test_not_started", "test_ended", "test_not_done", "already_selected"),
    *("idempotency_key_missing", "idempotency_key_format", "json_malformed", "body_too_slow", "body_too_large"),
    *(
        "request_malformed",
        "not_json",
        "key_in_flight",
        "key_reused",
        "fields_wrong",
        "too_many_for_nik",
        "rate_limited",
        "overloaded",
    ),
    *("dependency_down", "not_found", "method_not_allowed", "code_wrong", "code_expired", "code_tries_used_up"),
    *(
        "code_limit",
        "email_link_limit",
        "correction_limit",
        "recheck_limit",
        "not_correctable",
        "token_invalid",
        "internal_error",
        "csrf",
    ),
)
FIELD_CODES = (
    *("answer_unknown", "wave_unknown"),
    *("required", "type", "name_format", "birth_place_format", "birth_date_format", "nik_format"),
    *("nik_birth_date_mismatch", "nik_unknown_region", "under_age", "email_format", "phone_format", "confirm_format"),
    "email_domain_doubt",
)


def test_every_text_exists_in_both_languages_and_none_is_left_untranslated() -> None:
    """Each code has an Indonesian and an English text, neither empty nor the same."""
    for code, texts in wording.catalogue().items():
        assert set(texts) == set(LANGUAGES), code
        assert all(text.strip() == text and text for text in texts.values()), code
        assert texts["id"] != texts["en"], code


def test_both_languages_of_a_text_take_the_same_parts() -> None:
    """A placeholder that one language has, the other has too."""
    for code, texts in wording.catalogue().items():
        parts = [sorted(part.split("}")[0] for part in text.split("{")[1:]) for text in texts.values()]
        assert parts[0] == parts[1], code


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_of_the_contract_has_its_text(language: wording.Language) -> None:
    """No problem, field error, reason or state can reach an applicant without words."""
    for code in PROBLEM_CODES:
        said = wording.problem(code, language)
        assert said.title
        assert said.detail.endswith(".")
    assert all(wording.field_message(code, language) for code in (*FIELD_CODES, *CONFIRMABLE))
    assert all(wording.field_message(f"{field}_format", language) for field in FIELDS)
    assert all(wording.reason(reason, language).action for reason in Reason)
    assert all(wording.check_state(kind, state, language).action for kind in Kind for state in State)
    assert all(wording.overall_state(state, language).action for state in Overall)


def test_no_problem_or_field_text_is_left_over() -> None:
    """A text that no code of the contract names is a forgotten one."""
    codes = {code for code in wording.catalogue() if code.startswith(("problem.", "field."))}
    expected = {f"problem.{code}.{part}" for code in PROBLEM_CODES for part in ("title", "detail")}
    assert codes == expected | {f"field.{code}" for code in FIELD_CODES}


@pytest.mark.parametrize("kind", MOVES)
def test_a_delay_is_the_systems_trouble_and_asks_for_nothing(kind: Kind) -> None:
    """`delayed` says that the data is not the cause, that nothing is to be done and nothing to be typed again."""
    indonesian, english = (wording.check_state(kind, State.DELAYED, language) for language in LANGUAGES)
    assert "gangguan sistem, bukan karena data Anda" in indonesian.meaning
    assert "tidak perlu melakukan apa pun dan tidak perlu mengisi ulang" in indonesian.action
    assert "not by your data" in english.meaning
    assert "need not do anything" in english.action


def test_an_unknown_code_is_a_bug_and_not_an_empty_text() -> None:
    """A code without text raises KeyError."""
    with pytest.raises(KeyError):
        wording.text("problem.no_such_code.title", "id")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "id"),
        ("", "id"),
        ("en", "en"),
        ("EN-us", "en"),
        ("id-ID,id;q=0.9,en-US;q=0.8,en;q=0.7", "id"),
        ("en-US,en;q=0.9,id;q=0.8", "en"),
        ("in-ID,en;q=0.5", "id"),
        ("fr, en;q=0.1", "en"),
        ("fr", "id"),
        ("*", "id"),
        ("en, id", "id"),
        ("en;q=0", "id"),
        ("en;q=2", "id"),
        ("en;q=nan, id;q=0.1", "id"),
        ("en ; q=0.5 , id ; q=0.4", "en"),
        (";;;,,,=;q=", "id"),
        ("\x00\xff\u202e", "id"),
        ("x," * 100_000 + "en", "id"),
    ],
)
def test_english_only_for_those_who_prefer_it(header: str | None, language: wording.Language) -> None:
    """Indonesian unless the header prefers English; garbage of any size is harmless."""
    assert wording.choose_language(header) == language


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "5 seconds"), (1, "5 seconds"), (17, "20 seconds"), (116, "120 seconds"), (119.5, "2 minutes")],
)
def test_a_wait_is_never_told_shorter_than_it_is(seconds: float, said: str) -> None:
    """Waits are rounded up, to five seconds or to a minute."""
    assert said in wording.wait(seconds, "en")

"""Settings come from the environment, whole or not at all, and say what is wrong with them."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registration.settings import PREFIX, Settings, SettingsError, descriptions, read

REQUIRED = {
    "GELOMBANG_DATABASE_URL": "postgresql://somewhere",
    "GELOMBANG_REDIS_URL": "redis://somewhere",
    "GELOMBANG_KEYS": "keys.json",
}
SECRETS = {
    "objects_url",
    "database_url",
    "redis_url",
    "keys",
    "smtp_url",
    "sms_url",
    "ministry_user",
    "ministry_password",
    "student_user",
    "student_password",
}
NUMBERS = {field.name for field in msgspec.structs.fields(Settings) if isinstance(field.default, int | float)}


def problem(variable: str, value: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read({**REQUIRED, variable: value})
    return str(caught.value)


def test_what_is_not_set_has_its_default() -> None:
    """Only the three addresses without a sensible default must be given."""
    expected = Settings(database_url="postgresql://somewhere", redis_url="redis://somewhere", keys="keys.json")

    assert expected == read(REQUIRED)


def test_variables_of_others_are_not_ours() -> None:
    """PORT and HOST without our prefix mean something else."""
    assert read(REQUIRED) == read({**REQUIRED, "PORT": "1", "HOST": "x", "gelombang_port": "2"})


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("GELOMBANG_HOST", "127.0.0.1", "127.0.0.1"),
        ("GELOMBANG_PORT", "0", 0),
        ("GELOMBANG_PORT", "65535", 65_535),
        ("GELOMBANG_LEASE_SECONDS", "0.5", 0.5),
        ("GELOMBANG_LEASE_SECONDS", "30", 30.0),
        ("GELOMBANG_NOT_FOUND_RECHECK_SECONDS", "1", (1.0,)),
        ("GELOMBANG_NOT_FOUND_RECHECK_SECONDS", "1, 2.5 ,3", (1.0, 2.5, 3.0)),
        ("GELOMBANG_LOG_LEVEL", "debug", "debug"),
        ("GELOMBANG_CONSUMER", "7", "7"),
    ],
)
def test_each_type_is_read_from_text(variable: str, text: str, value: object) -> None:
    """Texts, whole numbers, numbers, and several numbers with commas between them."""
    assert value == getattr(read({**REQUIRED, variable: text}), variable.removeprefix(PREFIX).lower())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GELOMBANG_PORT", "http"),
        ("GELOMBANG_PORT", "80.5"),
        ("GELOMBANG_PORT", "-1"),
        ("GELOMBANG_PORT", "65536"),
        ("GELOMBANG_PORT", "٨٠"),
        ("GELOMBANG_BATCH_LIMIT", "0"),
        ("GELOMBANG_BATCH_LIMIT", "true"),
        ("GELOMBANG_LEASE_SECONDS", "5s"),
        ("GELOMBANG_LEASE_SECONDS", "0.4"),
        ("GELOMBANG_LEASE_SECONDS", "nan"),
        ("GELOMBANG_LEASE_SECONDS", "5,5"),
        ("GELOMBANG_NOT_FOUND_RECHECK_SECONDS", "1,,2"),
        ("GELOMBANG_NOT_FOUND_RECHECK_SECONDS", "1 2"),
        ("GELOMBANG_NOT_FOUND_RECHECK_SECONDS", "1,-2"),
        ("GELOMBANG_NOT_FOUND_RECHECK_SECONDS", "nan"),
        ("GELOMBANG_MINISTRY_THRESHOLD", "101"),
        ("GELOMBANG_LOG_LEVEL", "loud"),
        ("GELOMBANG_LOG_LEVEL", "info\n"),
        ("GELOMBANG_LOG_LEVEL", "xinfo"),
    ],
)
def test_what_cannot_be_used_is_named(variable: str, value: str) -> None:
    """The message begins with the variable, so that an operator finds it."""
    assert problem(variable, value).startswith(f"{variable}: ")


def test_all_problems_stand_in_one_message() -> None:
    """Nobody starts a process five times to mend five variables."""
    with pytest.raises(SettingsError) as caught:
        read({"GELOMBANG_KEYS": "k", "GELOMBANG_PORT": "x", "GELOMBANG_BATCH_LIMIT": "0"})
    message = str(caught.value)

    for variable in ("GELOMBANG_DATABASE_URL", "GELOMBANG_REDIS_URL", "GELOMBANG_PORT", "GELOMBANG_BATCH_LIMIT"):
        assert variable in message
    assert "GELOMBANG_KEYS" not in message


@pytest.mark.parametrize("variable", REQUIRED)
@pytest.mark.parametrize("given_as", [None, ""])
def test_what_must_be_set_is_told_with_its_meaning(variable: str, given_as: str | None) -> None:
    """Missing and empty are the same to an operator."""
    environ = {name: value for name, value in REQUIRED.items() if name != variable}
    if given_as is not None:
        environ[variable] = given_as
    with pytest.raises(SettingsError) as caught:
        read(environ)
    meaning = next(item.meaning for item in descriptions() if item.variable == variable)

    assert f"{variable} is not set ({meaning})" == str(caught.value)


def test_an_empty_text_means_the_default() -> None:
    """Manifests and compose files pass empty variables on."""
    environ = {item.variable: "" for item in descriptions()} | REQUIRED

    assert read(REQUIRED) == read(environ)


@pytest.mark.parametrize("variable", ["GELOMBANG_PORT", "GELOMBANG_LOG_LEVEL", "GELOMBANG_LEASE_SECONDS"])
def test_a_problem_does_not_quote_the_value(variable: str) -> None:
    """A secret put into the wrong variable stays out of the log."""
    assert "hunter2" not in problem(variable, "hunter2")


def test_secrets_are_marked() -> None:
    """What `config show` must not print: passwords, keys and addresses that hold them."""
    assert {item.variable.removeprefix(PREFIX).lower() for item in descriptions() if item.secret} == SECRETS


def test_every_setting_is_described() -> None:
    """The generated page has a line for each, in the order of the class."""
    described = list(descriptions())

    assert [f"{PREFIX}{name.upper()}" for name in Settings.__struct_fields__] == [item.variable for item in described]
    assert all(item.meaning for item in described)


def test_settings_do_not_change_while_a_process_runs() -> None:
    """One frozen object per process."""
    with pytest.raises(AttributeError):
        read(REQUIRED).port = 1  # type: ignore[misc]


@settings(deadline=None)
@given(name=st.sampled_from(sorted(NUMBERS)), value=st.floats() | st.integers() | st.text(max_size=10))
def test_no_value_of_a_number_fails_otherwise_than_by_name(name: str, value: float | str) -> None:
    """Whatever text a number is given as, it is a number after it, or refused."""
    variable = PREFIX + name.upper()
    try:
        found = read({**REQUIRED, variable: str(value)})
    except SettingsError as error:
        message = str(error)
    else:
        assert not math.isnan(getattr(found, name))
        return
    assert message.startswith(variable)

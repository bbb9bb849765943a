"""One frozen settings object per process, read once from the environment at start.

Each setting is the variable `GELOMBANG_` + its name in capitals; `gelombang config show` lists them with their meaning,
and docs/settings.md is generated from here. Units stand in the names.
"""

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from registration.checks import FROM_THE_START, Kind
from registration.registry import Registry

PREFIX = "GELOMBANG_"


class SettingsError(ValueError):
    """One or more variables cannot be used; the message names each, its problem and its meaning."""


def _seconds(description: str, least: float = 0.0) -> Meta:
    return Meta(description=description, ge=least)


def _count(description: str, least: int = 1) -> Meta:
    return Meta(description=description, ge=least)


def _secret(description: str) -> Meta:
    return Meta(description=description, extra={"secret": True})


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, with defaults for production. An absent setting must work wherever a default makes sense."""

    # Where the parts are
    database_url: Annotated[str, _secret("PostgreSQL, as a postgresql:// URL")]
    redis_url: Annotated[str, _secret("Valkey or Redis ≥ 7.0, as a redis://, rediss:// or unix:// URL")]
    keys: Annotated[str, _secret("Key ring: the path of its JSON file, or the JSON itself")]
    public_url: Annotated[str, Meta(description="Address of the front door as applicants see it")] = (
        "http://127.0.0.1:8080"
    )
    ministry_url: Annotated[str, Meta(description="Base address of the population registry")] = ""
    smtp_url: Annotated[str, _secret("Mail relay: smtp://, smtp+starttls:// or smtps://, with user:password@")] = ""
    sms_url: Annotated[str, _secret("Base address of the SMS gateway")] = ""

    # The front door
    host: Annotated[str, Meta(description="Address the front door listens on")] = "0.0.0.0"  # noqa: S104 - a server
    port: Annotated[int, Meta(description="Port the front door listens on", ge=0, le=65535)] = 8080
    admin_host: Annotated[str, Meta(description="Address of /livez, /readyz and /metrics; never a public one")] = (
        "127.0.0.1"
    )
    admin_port: Annotated[int, Meta(description="Port of /livez, /readyz and /metrics", ge=0, le=65535)] = 9100
    listen_fd: Annotated[
        int, Meta(description="A listening socket that this process inherits, instead of host and port; -1 is none")
    ] = -1
    listen_backlog: Annotated[int, _count("Connections the kernel holds for us in a burst")] = 4096
    connection_limit: Annotated[int, _count("Connections at once, per process; one more is closed")] = 20_000
    head_timeout_seconds: Annotated[float, _seconds("A request's head must be here after this long", 0.1)] = 15.0
    body_timeout_seconds: Annotated[float, _seconds("A body must be here after this long, else 408", 0.1)] = 10.0
    keep_alive_seconds: Annotated[float, _seconds("An idle connection is closed after this long")] = 75.0
    batch_limit: Annotated[int, _count("Registrations in one commit, at most")] = 512
    batch_queue_limit: Annotated[int, _count("Registrations that may wait for a commit, per process")] = 4096
    batch_writers: Annotated[int, _count("Commits under way at once, per process")] = 1
    retry_after_seconds: Annotated[float, _seconds("What a refused client is told to wait, before jitter", 1.0)] = 2.0
    drain_seconds: Annotated[float, _seconds("A stopping process finishes its work within this")] = 8.0
    drain_idle_seconds: Annotated[
        float, _seconds("A stopping front door closes connections on which nothing came for so long")
    ] = 2.0

    # Admission and limits
    admission_target_seconds: Annotated[
        float, _seconds("Whoever would wait longer than this is refused at once", 0.01)
    ] = 0.5
    limit_per_nik: Annotated[int, _count("New registrations of one NIK in an hour")] = 5
    limit_per_phone: Annotated[int, _count("New registrations of one phone in an hour")] = 5
    limit_per_email_domain: Annotated[int, _count("New registrations of one e-mail domain in an hour")] = 20_000
    limit_exempt_email_domains: Annotated[
        tuple[str, ...], Meta(description="Domains of large providers, whose number of registrations says nothing")
    ] = ("gmail.com", "yahoo.com", "yahoo.co.id", "ymail.com", "icloud.com", "outlook.com", "hotmail.com")
    limit_per_ipv6_network: Annotated[int, _count("New registrations of one IPv6 /64 in an hour")] = 500
    trusted_proxies: Annotated[
        tuple[str, ...], Meta(description="Networks whose X-Forwarded-For is believed, as 10.0.0.0/8")
    ] = ()

    # PostgreSQL and Valkey
    database_pool_size: Annotated[int, _count("Connections to PostgreSQL, per process")] = 6
    database_timeout_seconds: Annotated[float, _seconds("A statement or a free connection must come by then", 0.1)] = (
        5.0
    )
    redis_timeout_seconds: Annotated[float, _seconds("A command to Valkey must be answered by then", 0.1)] = 2.0
    stream_cap: Annotated[int, _count("Entries in a stream, at most: the rest of a backlog waits in PostgreSQL")] = (
        10_000
    )

    # Workers
    consumer: Annotated[str, Meta(description="Stable name of this worker's slot among those of its kind")] = "1"
    concurrency: Annotated[int, _count("Calls to the outside under way at once, per worker")] = 64
    lease_seconds: Annotated[
        float, _seconds("An entry without a sign of life this long goes to another worker", 0.5)
    ] = 5.0
    delivery_limit: Annotated[int, _count("An entry that killed its worker this often is set aside")] = 3
    relay_interval_seconds: Annotated[float, _seconds("Pause between two looks for due work in PostgreSQL", 0.05)] = 0.5
    dead_letter_share: Annotated[
        float,
        Meta(description="Share of a worker's work that may be set aside before its kind is paused", ge=0, le=1),
    ] = 0.1
    retry_base_seconds: Annotated[float, _seconds("First wait after a failed try, before jitter")] = 5.0
    retry_cap_seconds: Annotated[float, _seconds("Longest wait between two tries")] = 900.0
    not_found_recheck_seconds: Annotated[
        tuple[Annotated[float, Meta(ge=0)], ...],
        Meta(description="Waits before asking again about a NIK that was not found; after the last it is rejected"),
    ] = (3_600.0, 14_400.0, 43_200.0)
    verdict_keep_days: Annotated[
        float, Meta(description="A rejection of an identity is remembered this long", ge=0)
    ] = 1.0

    # The registry
    ministry_consumer: Annotated[str, Meta(description="Our consumer name in the registry's address")] = "gelombang"
    ministry_user: Annotated[str, _secret("USER_ID for the registry")] = ""
    ministry_password: Annotated[str, _secret("PASSWORD for the registry")] = ""
    ministry_ip: Annotated[str, Meta(description="IP_USER for the registry")] = "127.0.0.1"
    ministry_threshold: Annotated[int, Meta(description="Score from which a name matches (TRESHOLD)", ge=0, le=100)] = (
        90
    )
    ministry_timeout_seconds: Annotated[float, _seconds("The registry must have answered by then", 0.1)] = 10.0
    ministry_rate_per_second: Annotated[
        float, Meta(description="Calls to the registry in any second, at most, of all workers together", ge=0.1)
    ] = 50.0
    ministry_concurrency: Annotated[
        int, _count("Calls to the registry under way at once, at most, of all workers together")
    ] = 100
    ministry_daily_quota: Annotated[
        int, _count("Calls to the registry in a day (WIB), of all workers together; 0 is no quota", 0)
    ] = 0
    ministry_quota_wait_seconds: Annotated[
        float, _seconds("Who was told that the quota is used up waits until midnight (WIB), at most this long", 1.0)
    ] = 86_400.0
    ministry_workers: Annotated[int, _count("NIK workers at once, at most; one more does nothing")] = 8
    ministry_static_share: Annotated[
        float, Meta(description="Part of the ceiling that workers cut off from Valkey may use", ge=0, le=0.25)
    ] = 0.1

    # The registry of students, which is asked only where it has an address. What it lacks here is as for the other one
    student_url: Annotated[
        str, Meta(description="Base address of the registry of students; without it nobody is asked whether they study")
    ] = ""
    student_user: Annotated[str, _secret("USER_ID for the registry of students")] = ""
    student_password: Annotated[str, _secret("PASSWORD for the registry of students")] = ""
    student_rate_per_second: Annotated[
        float, Meta(description="Calls to the registry of students in any second, at most, of all workers", ge=0.1)
    ] = 50.0
    student_concurrency: Annotated[
        int, _count("Calls to the registry of students under way at once, at most, of all workers")
    ] = 100
    student_daily_quota: Annotated[
        int, _count("Calls to the registry of students in a day (WIB), of all workers; 0 is no quota", 0)
    ] = 0
    student_workers: Annotated[int, _count("Student workers at once, at most; one more does nothing")] = 8
    student_recheck_seconds: Annotated[
        float, _seconds("Who was found to study may ask for the check again so long after it", 10.0)
    ] = 86_400.0

    # Mail and SMS
    mail_sender: Annotated[str, Meta(description="Address our mails come from")] = "pendaftaran@gelombang.example"
    mail_timeout_seconds: Annotated[float, _seconds("The mail relay must have answered by then", 0.1)] = 15.0
    mail_connections: Annotated[int, _count("Connections to the mail relay, per worker")] = 8
    mail_domain_connections: Annotated[int, _count("Mails to one domain at once, per worker")] = 4
    sms_timeout_seconds: Annotated[float, _seconds("The SMS gateway must have answered by then", 0.1)] = 10.0
    sms_range_limit: Annotated[
        int, _count("Codes an hour to numbers that differ in their last four digits only; more wait")
    ] = 100
    sms_range_sample: Annotated[int, _count("Codes an hour from which such a range is judged by its answers")] = 50
    sms_least_answered: Annotated[
        float, Meta(description="Share of a range's codes that must have been answered by then", ge=0, le=1)
    ] = 0.1
    sms_daily_budget: Annotated[int, _count("Codes in a day (WIB); more wait for the next")] = 2_000_000

    # Photos
    objects_url: Annotated[
        str,
        _secret("Where photos are kept: file:///folder, s3://bucket/path, gs://… or az://…; without it none are taken"),
    ] = ""
    photo_required: Annotated[
        bool, Meta(description="Whether a registration is complete only with a verified photo")
    ] = False
    photo_limit_bytes: Annotated[int, _count("A photo is at most so large as it is sent", 1024)] = 10 * 1024 * 1024
    photo_timeout_seconds: Annotated[
        float, _seconds("A photo, or a part of one, must be here after this long", 1.0)
    ] = 180.0
    limit_photos: Annotated[
        int, _count("Photos that one registration may send in an hour, those broken off included")
    ] = 20
    photo_decoders: Annotated[
        int, _count("Photos that are looked at at once, per worker; each in a process of up to 512 MiB")
    ] = 2
    photo_uploads: Annotated[int, _count("Photos that come in at once, per process; one more is told to wait")] = 64

    # The call-centre page
    desk: Annotated[
        bool,
        Meta(description="Whether the front door's admin port has /desk for call-centre staff; behind your login only"),
    ] = False
    desk_user_header: Annotated[
        str, Meta(description="Header in which your login tells who it is; without one, staff type their name")
    ] = ""

    # Test and waves
    test_minutes: Annotated[int, _count("How long an applicant has for the test, by the server's clock")] = 25

    # Watching
    pulse_seconds: Annotated[float, _seconds("PostgreSQL and Valkey are asked so often whether they answer", 0.1)] = 2.0
    books_interval_seconds: Annotated[float, _seconds("The books are looked at so often, by one worker", 1.0)] = 60.0
    data_directory: Annotated[
        str, Meta(description="Directory whose disk is watched; where PostgreSQL is elsewhere, its operator does that")
    ] = ""
    proven_rate: Annotated[
        float, Meta(description="Registrations per second of the newest capacity proof; 0 is none", ge=0)
    ] = 0.0
    proven_at: Annotated[
        str, Meta(description="When that was proven, as 2026-11-24T03:00:00Z", pattern=r"\A(\d{4}-\d\d-\d\dT\S+)?\Z")
    ] = ""

    # Logs
    log_level: Annotated[
        str, Meta(description="debug, info, warning or error", pattern=r"\A(debug|info|warning|error)\Z")
    ] = "info"
    request_log_every: Annotated[int, _count("One request in so many is logged; 0 is none but failures", 0)] = 1_000

    @property
    def needed_checks(self) -> tuple[Kind, ...]:
        """The checks without which no registration is complete."""
        asked = ((Kind.PHOTO, self.photo_required), (Kind.STUDENT, self.asks_students))
        return (*FROM_THE_START, *(kind for kind, is_asked in asked if is_asked))

    @property
    def asks_students(self) -> bool:
        """Whether nobody is complete, tested or in a wave of whom it is not known that they do not study."""
        return bool(self.student_url)

    @property
    def registries(self) -> Mapping[Kind, Registry]:
        """The registries that are asked, by the kind that asks."""
        nik = Registry(
            kind=Kind.NIK,
            url=self.ministry_url,
            consumer=self.ministry_consumer,
            user=self.ministry_user,
            password=self.ministry_password,
            ip=self.ministry_ip,
            threshold=self.ministry_threshold,
            timeout_seconds=self.ministry_timeout_seconds,
            rate_per_second=self.ministry_rate_per_second,
            concurrency=self.ministry_concurrency,
            daily_quota=self.ministry_daily_quota,
            quota_wait_seconds=self.ministry_quota_wait_seconds,
            workers=self.ministry_workers,
            static_share=self.ministry_static_share,
        )
        students = msgspec.structs.replace(
            nik,
            kind=Kind.STUDENT,
            url=self.student_url,
            user=self.student_user,
            password=self.student_password,
            rate_per_second=self.student_rate_per_second,
            concurrency=self.student_concurrency,
            daily_quota=self.student_daily_quota,
            workers=self.student_workers,
        )
        return {one.kind: one for one in (nik, students) if one is nik or one.url}


class Description(msgspec.Struct, frozen=True):
    """One setting, for people."""

    variable: str
    meaning: str
    default: Any
    secret: bool


def read(environ: Mapping[str, str]) -> Settings:
    """Settings from the environment; raises `SettingsError` that names every wrong or missing variable."""
    problems = []
    values: dict[str, Any] = {}
    fields = {field.encode_name: field for field in msgspec.structs.fields(Settings)}
    for name, field in fields.items():
        text = environ.get(PREFIX + name.upper())
        if text is None or (text == "" and field.default is not msgspec.NODEFAULT):
            continue
        try:
            values[name] = _convert(text, field.type)
        except msgspec.ValidationError as error:
            problems.append(f"{PREFIX}{name.upper()}: {error}")
    missing = [name for name, field in fields.items() if field.required and not environ.get(PREFIX + name.upper())]
    problems += [f"{PREFIX}{name.upper()} is not set ({describe(name).meaning})" for name in missing]
    if problems:
        raise SettingsError("; ".join(problems))
    return Settings(**values)


def descriptions() -> Iterator[Description]:
    """Every setting, in the order of the class."""
    return (describe(name) for name in Settings.__struct_fields__)


def describe(name: str) -> Description:
    """What one setting is; `default` is `msgspec.NODEFAULT` for a setting that must be given."""
    field = next(field for field in msgspec.structs.fields(Settings) if field.name == name)
    meta = next(item for item in typing.get_args(field.type)[1:] if isinstance(item, Meta))
    return Description(
        variable=PREFIX + name.upper(),
        meaning=meta.description or "",
        default=field.default,
        secret=bool((meta.extra or {}).get("secret")),
    )


def _convert(text: str, annotated: Any) -> Any:  # noqa: ANN401 - any type that a setting has
    base = typing.get_args(annotated)[0]
    if isinstance(base, types.GenericAlias):
        return msgspec.convert([part.strip() for part in text.split(",")], annotated, strict=False)
    return msgspec.convert(text, annotated, strict=False)

"""What leaves for other systems is encrypted for the one it is meant for, where its URL says so, or does not leave."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from registration.errors import Retryable
from registration.settings import read
from verify_workers.mail.client import MailClient
from verify_workers.ministry.connection import Poster

SENDER = "daftar@gelombang.example"
HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
ELSEWHERE = x509.DNSName("elsewhere.example")
SMTP_SCHEMES = ("smtps", "smtp+starttls")

Trust = Callable[[x509.GeneralName], ssl.SSLContext]


class Taken:
    """Handler of the relay: the recipients of what it took, and whether that came encrypted."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], bool]] = []

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Take it."""
        transport = server.transport
        encrypted = transport is not None and transport.get_extra_info("ssl_object") is not None
        self.mails.append((envelope.rcpt_tos, encrypted))
        return "250 taken"


@pytest.fixture
def certify(tmp_path: Path) -> Trust:
    """Makes a server's TLS context for a name, signed by an authority whose certificate is `tmp_path/authority.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = _name("Authority of the test")
    authority = _certificate(issuer, issuer, key.public_key(), key, x509.BasicConstraints(ca=True, path_length=None))
    (tmp_path / "authority.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))

    def context(name: x509.GeneralName) -> ssl.SSLContext:
        own = ec.generate_private_key(ec.SECP256R1())
        leaf = _certificate(_name("server"), issuer, own.public_key(), key, x509.SubjectAlternativeName([name]))
        private = own.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = tmp_path / "server.pem"
        file.write_bytes(private + leaf.public_bytes(serialization.Encoding.PEM))
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        made.load_cert_chain(file)
        return made

    return context


@pytest.fixture
def trusting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process takes the authority for one of the machine's."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        .sign(signer, hashes.SHA256())
    )


@asynccontextmanager
async def relay(scheme: str, tls: ssl.SSLContext, taken: Taken) -> AsyncIterator[str]:
    """A relay, by the URL that names it."""
    offered = tls if scheme == "smtp+starttls" else None

    def session() -> SMTP:
        return SMTP(taken, tls_context=offered, require_starttls=offered is not None)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=tls if scheme == "smtps" else None)
    async with server:
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def registry(tls: ssl.SSLContext, asked: list[bytes]) -> AsyncIterator[URL]:
    """A registry over HTTPS that answers with what it was asked."""

    async def answer(request: web.Request) -> web.Response:
        asked.append(await request.read())
        return web.Response(body=asked[-1])

    application = web.Application()
    application.router.add_post("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield URL(f"https://127.0.0.1:{runner.addresses[0][1]}/")
    finally:
        await runner.cleanup()


async def send(url: str) -> str:
    """What came of a mail: "sent", or the cause why it waits."""
    values = {
        **dict.fromkeys(("DATABASE_URL", "REDIS_URL", "KEYS"), "unused"),
        "SMTP_URL": url,
        "MAIL_SENDER": SENDER,
    }
    client = MailClient(read({f"GELOMBANG_{name}": value for name, value in values.items()}))
    try:
        await client.send(b"Tautan Anda\r\n", sender=SENDER, to="siti@surel.example")
    except Retryable as error:
        return error.cause
    finally:
        await client.close()
    return "sent"


async def ask(url: URL) -> bytes:
    """The registry's reply; raises `OSError`."""
    poster = Poster(url, headers={}, body_limit_bytes=1000, timeout_seconds=60)
    try:
        return (await poster.post(b"a person", in_time=lambda: True)).body
    finally:
        poster.close()


@pytest.mark.parametrize("scheme", SMTP_SCHEMES)
@pytest.mark.usefixtures("trusting")
async def test_a_mail_goes_encrypted_to_a_relay_that_proves_its_name(scheme: str, certify: Trust) -> None:
    """Also where the relay begins in clear and only offers to encrypt."""
    taken = Taken()
    async with relay(scheme, certify(HERE), taken) as url:
        assert await send(url) == "sent"
    assert taken.mails == [(["siti@surel.example"], True)]


@pytest.mark.parametrize("scheme", SMTP_SCHEMES)
async def test_no_mail_goes_to_a_relay_that_nobody_vouches_for(scheme: str, certify: Trust) -> None:
    """It waits, as for a relay that is away."""
    taken = Taken()
    async with relay(scheme, certify(HERE), taken) as url:
        assert await send(url) in {"mail_unreachable", "mail_failed"}
    assert not taken.mails


@pytest.mark.parametrize("scheme", SMTP_SCHEMES)
@pytest.mark.usefixtures("trusting")
async def test_no_mail_goes_to_a_relay_with_another_name(scheme: str, certify: Trust) -> None:
    """A certificate of somebody else is as good as none."""
    taken = Taken()
    async with relay(scheme, certify(ELSEWHERE), taken) as url:
        assert await send(url) in {"mail_unreachable", "mail_failed"}
    assert not taken.mails


async def test_no_mail_goes_in_clear_where_encryption_was_asked_for() -> None:
    """Somebody on the way who hides the offer to encrypt gets no mail."""
    taken = Taken()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(taken), "127.0.0.1", 0)
    async with server:
        assert await send(f"smtp+starttls://127.0.0.1:{server.sockets[0].getsockname()[1]}") in {
            "mail_unreachable",
            "mail_failed",
        }
    assert not taken.mails


@pytest.mark.usefixtures("trusting")
async def test_a_registry_that_proves_its_name_is_asked(certify: Trust) -> None:
    """Over HTTPS with this process's own client."""
    asked: list[bytes] = []
    async with registry(certify(HERE), asked) as url:
        assert await ask(url) == b"a person"


async def _refused(serving: AbstractAsyncContextManager[URL]) -> None:
    async with serving as url:
        with pytest.raises(ssl.SSLCertVerificationError):  # an OSError: the registry counts as unreachable
            await ask(url)


async def test_a_registry_that_nobody_vouches_for_is_told_nothing(certify: Trust) -> None:
    """Nobody's NIK goes to whoever answers at the address."""
    asked: list[bytes] = []
    await _refused(registry(certify(HERE), asked))
    assert not asked


@pytest.mark.usefixtures("trusting")
async def test_a_registry_with_another_name_is_told_nothing(certify: Trust) -> None:
    """Nor to one that has another's certificate."""
    asked: list[bytes] = []
    await _refused(registry(certify(ELSEWHERE), asked))
    assert not asked

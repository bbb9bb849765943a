"""The client's network, where it may be limited."""

import pytest
from aiohttp.test_utils import make_mocked_request

from ingest.clients import ClientNetworks


class Transport:
    """A connection from an address."""

    def __init__(self, peer: str) -> None:
        self.peer = peer

    def get_extra_info(self, name: str, default: object = None) -> object:
        """As aiohttp asks for it."""
        return (self.peer, 1234) if name == "peername" else default


def network(peer: str, forwarded: str | None, trusted: tuple[str, ...] = ()) -> str | None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = make_mocked_request("POST", "/", headers=headers, transport=Transport(peer))
    found = ClientNetworks(trusted).ipv6_network(request)
    return None if found is None else found.hex(":", 2)


PROXIES = ("10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("203.0.113.9", None, (), None),
        ("2001:db8:1:2:3:4:5:6", None, (), "2001:0db8:0001:0002"),
        ("::ffff:203.0.113.9", None, (), None),
        ("fe80::1%eth0", None, (), "fe80:0000:0000:0000"),
        # Nobody is believed who is not trusted.
        ("203.0.113.9", "2001:db8::1", (), None),
        ("203.0.113.9", "2001:db8::1", PROXIES, None),
        ("10.1.2.3", "2001:db8:7::1", PROXIES, "2001:0db8:0007:0000"),
        # What stands left of the nearest stranger is the stranger's own invention.
        ("10.1.2.3", "2001:db8:bad::1, 2001:db8:7::1, fd00::5", PROXIES, "2001:0db8:0007:0000"),
        ("10.1.2.3", "2001:db8:bad::1, 203.0.113.9", PROXIES, None),
        ("10.1.2.3", "garbage", PROXIES, None),
        ("10.1.2.3", "", PROXIES, None),
    ],
)
def test_only_an_ipv6_network_is_told(
    peer: str, forwarded: str | None, trusted: tuple[str, ...], expected: str | None
) -> None:
    """An IPv4 address may be a whole town's and is never told."""
    assert network(peer, forwarded, trusted) == expected

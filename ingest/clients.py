"""Which network a request comes from, where that may be limited: an IPv6 /64, and nothing else.

An IPv4 address stands for a crowd behind one router as often as for a person, so it is never asked for.
"""

import ipaddress
from collections.abc import Sequence

from aiohttp import web

_NETWORK_BITS = 64


class ClientNetworks:
    """Reads the client's network; X-Forwarded-For counts only as far as trusted proxies wrote it."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self._trusted = [ipaddress.ip_network(text) for text in trusted_proxies]

    def ipv6_network(self, request: web.BaseRequest) -> bytes | None:
        """The first 8 bytes of the client's IPv6 address, or None for everyone else."""
        # The protocol keeps its peer's name; the request's own `remote` looks it up anew each time.
        peer = request.protocol.peername
        text = peer[0] if isinstance(peer, tuple) else ""
        forwarded = request.headers.get("X-Forwarded-For") if self._trusted else None
        if ":" not in text and forwarded is None:
            return None
        address = self._client(text, forwarded)
        if not isinstance(address, ipaddress.IPv6Address) or address.ipv4_mapped is not None:
            return None
        return address.packed[: _NETWORK_BITS // 8]

    def _client(self, peer: str, forwarded: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The nearest address that no trusted proxy has; what is malformed ends the search."""
        hops = [peer, *reversed((forwarded or "").split(","))] if forwarded else [peer]
        for hop in hops:
            try:
                address = ipaddress.ip_address(hop.strip().partition("%")[0])
            except ValueError:
                return None
            if not any(address in network for network in self._trusted):
                return address
        return None

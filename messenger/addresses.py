"""The client's address, that limits go by."""

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings


def client_address(peer: str, forwarded_for: str) -> str:
    """
    `peer` is who is connected to us, `forwarded_for` the X-Forwarded-For header, which anybody can
    send. Its last PROXIES entries were added by proxies of ours; the first of those is the client.
    """
    if settings.PROXIES:
        hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
        if len(hops) >= settings.PROXIES:
            return _counted(hops[-settings.PROXIES])
    return _counted(peer)


def address_in(scope: dict[str, Any]) -> str:
    """The address of the client of a request or a handshake, from its ASGI scope."""
    client = scope.get("client")
    # A client may send the header too: then there are several, and the last is the proxy's.
    lines = [value for key, value in scope["headers"] if key == b"x-forwarded-for"]
    return client_address(client[0] if client else "", b",".join(lines).decode("latin-1"))


def _counted(address: str) -> str:
    """
    What counts as one address: of IPv6 a network of 64 bits, since everybody who has any has all
    of one. Some proxies add the port, which is another one with each connection.
    """
    host = address
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        found = ip_address(host)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found), 64), strict=False))

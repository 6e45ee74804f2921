"""The client's address, that limits go by."""

from django.conf import settings


def client_address(peer: str, forwarded_for: str) -> str:
    """
    `peer` is who is connected to us, `forwarded_for` the X-Forwarded-For header, which anybody can
    send. Its last PROXIES entries were added by proxies of ours; the first of those is the client.
    """
    if settings.PROXIES:
        hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
        if len(hops) >= settings.PROXIES:
            return hops[-settings.PROXIES]
    return peer

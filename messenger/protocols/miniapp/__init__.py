"""
The mini-app: `/register`, `/login`, `/users_list` and the socket `/connect`.

Frames are `{"action": …}`; users go by UUID, chats and messages by integer.
"""

from messenger.protocols.miniapp.rest import routes
from messenger.protocols.miniapp.socket import miniapp as protocol

__all__ = ["protocol", "routes"]

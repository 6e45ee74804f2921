"""
The Messenger API: `/auth/*`, `/chats/*`, `/messages/*`, who is online, and the socket
`/ws/chat/{token}`.

Frames are flat, `{"type": …}`, and ids are integers. A socket hears of a chat after it has
subscribed to it.
"""

from messenger.protocols.messenger_api.rest import routes
from messenger.protocols.messenger_api.socket import messenger_api as protocol

__all__ = ["protocol", "routes"]

"""
Chatroulette: statuses and likes of messages under `/api/v1/messages/{message_id}`, and the socket
`/ws`.

Frames are `{"type", "chat_id", "payload"}`, changes to a chat with their `seq`; all go by UUID.
"""

from messenger.protocols.chatroulette.rest import routes
from messenger.protocols.chatroulette.socket import chatroulette as protocol

__all__ = ["protocol", "routes"]

"""
NODUS v2, the native API: everything that the domain can do, under `/api/v1` and on its socket.

Frames are `{"event", "data"}`, changes to a chat with their `seq`; all go by integer.
"""

from messenger.protocols.nodus.rest import routes
from messenger.protocols.nodus.socket import nodus as protocol

__all__ = ["protocol", "routes"]

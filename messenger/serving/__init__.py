"""The servers: what both are to put up with from a client, and no more."""

# Seconds that a client has to send a whole request, from its first byte or from the connection on.
# Idle time would not do: a byte now and then holds a connection for ever.
REQUEST_PATIENCE = 60.0
# Seconds that a client has to answer our close frame.
CLOSE_PATIENCE = 5.0
# Pieces that one message may come in. An empty one weighs nothing by the size of the message.
MOST_PIECES = 1000
# Pieces that a body may come in. In chunks of a byte each, one of 2 MB would be 20 s of work.
MOST_CHUNKS = 10_000
# Requests that a client may have sent before the first is answered. Each costs a hundred times what
# it weighs.
MOST_PIPELINED = 100

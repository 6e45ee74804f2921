"""
Sockets: how frames come in and events go out, whatever the protocol.

    consumer.py    one socket, from its handshake to its close
    handshake.py   who may open a socket: origin and token
    hub.py         all sockets of this process, and the streams of the chats they are in
    stream.py      one chat in this process: events in order, gaps filled from the log
    socket.py      where frames for one client go; slow ones are cut off
    batching.py    many commands, one transaction
    doorbell.py    from a commit to the hubs of all processes
    layer.py       the Redis channel layer, many messages in one round trip
    threads.py     the doors between async and sync: bounded pools of threads
    limits.py      rate limits
"""

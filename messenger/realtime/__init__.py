"""
Sockets: how frames come in and events go out, whatever the protocol.

    consumer.py    one socket, from its handshake to its close
    handshake.py   who may open a socket: origin and token
    hub.py         all sockets of this process, and the streams of the chats they are in
    stream.py      one chat in this process: events in order, gaps filled from the log
    resume.py      telling a socket from the log what it missed
    passing.py     typing and presence on their way to the sockets
    watch.py       what is looked up again, because the news of it may have been lost
    keeper.py      leases of this process's sockets: who is online
    relay.py       the hub's one subscription to the channel layer
    socket.py      where frames for one client go; slow ones are cut off
    batching.py    many commands, one transaction
    doorbell.py    from a commit to the hubs of all processes
    layer.py       the Redis channel layer, many messages in one round trip
    threads.py     the doors between async and sync: bounded pools of threads
    waiting.py     waiting for something, but not for ever
    limits.py      rate limits
"""

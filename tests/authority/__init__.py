"""
The life of a socket's authority: how long a socket goes on after what it acts with has ended.

A socket hangs on one process; what ends its authority happens on another, or in a third that serves
nobody, as a command or the admin does. `changes` says what can happen and what must follow, `cells`
is one socket that it happens to, `world` is where; `python -m tests.authority` goes through all.
"""

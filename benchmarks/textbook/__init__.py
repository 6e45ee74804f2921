"""The baseline: a chat server written the way the Channels tutorial teaches it.

A complete, tiny Django project. It is neither tuned nor sabotaged: one ORM
`create` per message, one `group_send` per message, one `json.dumps` per
receiving socket, Django REST framework for the history, stock Daphne.
It speaks the part of the wire protocol that the benchmark uses, so the very
same load generator drives it and the real application.
"""

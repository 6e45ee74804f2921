"""
The promises, as tests. `make test` runs them on what is there; see tests/__main__.py.

Alice owns, Bob is a member, Charlie is outside and must see nothing.
"""

"""
The pages for browsers: the door, the messenger itself, and what is told of errors.

Whoever is signed in on a page has a session (`sessions`), and the session a login of `accounts`.
The page's script gets short-lived access tokens for it, and talks to the native API like any other
client.
"""

"""
Mistakes of configuration that Django's own checks don't know. `manage.py check` looks for what
can't work, `check --deploy` for what is dangerous where strangers come in, `check --database
default` also into the database.
"""

from messenger.checks import stores, strangers, web

__all__ = ["stores", "strangers", "web"]

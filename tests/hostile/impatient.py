"""`manage.py serve`, with a second's patience for a request that does not come to its end."""

import os

from messenger import serving

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "messenger.settings")
serving.REQUEST_PATIENCE = 1.0

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", "serve"])

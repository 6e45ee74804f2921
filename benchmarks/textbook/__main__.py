"""The baseline's manage.py: `python -m benchmarks.textbook migrate`."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.textbook.settings")
    execute_from_command_line(sys.argv)

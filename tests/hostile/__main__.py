"""
`python -m tests.hostile [pytest options]`: every hostile input in every place, against real servers
too, and the figures. With PostgreSQL and Redis where they are found, else without.
"""

import os
import sys
import tempfile
from pathlib import Path

from tests.__main__ import Leg, find_postgres, find_redis

os.environ["HOSTILE"] = "all"
with tempfile.TemporaryDirectory(prefix="messenger-hostile-") as folder:
    database = find_postgres() or f"sqlite:///{Path(folder) / 'main.sqlite3'}"
    passed = Leg("hostile", database, find_redis()).run(["-q", "tests/hostile", *sys.argv[1:]])
sys.exit(0 if passed else 1)

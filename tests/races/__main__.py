"""
`python -m tests.races [pytest options]`: every race ROUNDS (20) times with CROWD (24) who ask at
once, over two processes, on PostgreSQL and Redis. Says how many there were and what was wrong.
"""

import os
import subprocess
import sys

from tests.__main__ import Leg, find_postgres, find_redis


def main() -> int:
    postgres, redis = find_postgres(), find_redis()
    if not postgres or not redis:
        print("This needs PostgreSQL and Redis.")
        return 1
    environment = {"ROUNDS": "20", "CROWD": "24", **Leg("services", postgres, redis).environment(0)}
    command = [sys.executable, "-m", "pytest", "-q", "tests/races", *sys.argv[1:]]
    return subprocess.run(command, env={**os.environ, **environment}).returncode


if __name__ == "__main__":
    sys.exit(main())

"""
`python -m tests.authority [rounds]`: everything that ends a socket's authority × every state of a
socket × every fault of Redis, on PostgreSQL and two processes. Prints the table.
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
    environment = Leg("services", postgres, redis).environment(0)
    environment["AUTHORITY_ROUNDS"] = sys.argv[1] if len(sys.argv) > 1 else "1"
    test = "tests/live/test_authority.py::test_the_whole_table"
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:randomly", test]
    return subprocess.run(command, env={**os.environ, **environment}).returncode


if __name__ == "__main__":
    sys.exit(main())

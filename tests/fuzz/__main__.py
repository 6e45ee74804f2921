"""
`python -m tests.fuzz [pytest options]`: all of it, by chance, once for each way of running the
server (see `python -m tests`), and its figures. `-k machine`, `-k wire` and `-k parsers` choose.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.__main__ import Leg, find_postgres, find_redis


def main() -> int:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="messenger-fuzz-") as folder:
        figures = Path(folder) / "figures.txt"
        os.environ.update(FUZZ="full", FUZZ_FIGURES=str(figures))
        embedded = f"sqlite:///{Path(folder) / 'main.sqlite3'}"
        legs = [Leg("embedded", embedded, "")]
        postgres, redis_url = find_postgres(), find_redis()
        if postgres or redis_url:
            legs.append(Leg("services", postgres or embedded, redis_url))
        passed = True
        for leg in legs:
            figures.write_text("")
            passed &= leg.run(["-q", "--durations=5", "tests/fuzz", *sys.argv[1:]])
            print(f"\n--- {leg}\n{figures.read_text()}", flush=True)
    print(f"{'No divergences' if passed else 'Failed'}. {time.monotonic() - started:.0f} s.")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())

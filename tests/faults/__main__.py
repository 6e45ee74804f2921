"""
`python -m tests.faults`: break a cluster of our own in every way there is, under load, and see
whether what was promised still holds. Needs the programs of PostgreSQL and Redis. The exit code
is 1 if a bar is missed.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.faults import report
from tests.faults.matrix import faults
from tests.faults.mutants import MUTANTS
from tests.faults.prove import Prover, proof_table
from tests.faults.run import PROFILES, Runner


def main() -> int:
    known = faults()
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        epilog="\n".join(f"  {fault.name:4} {fault.title}" for fault in known),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--profile", choices=PROFILES, default="short")
    parser.add_argument("--only", default="", metavar="F1,F3", help="these faults only")
    parser.add_argument("--server", choices=("daphne", "uvicorn"), default="daphne")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the figures as Markdown")
    parser.add_argument("--folder", type=Path, help="for logs and failed histories")
    parser.add_argument(
        "--mutants",
        nargs="?",
        const="all",
        metavar="NAME,NAME",
        help="no faults: whether the checker notices mistakes built into the server",
    )
    options = parser.parse_args()
    wanted = {name.strip().upper() for name in options.only.split(",") if name.strip()}
    if unknown := wanted - {fault.name for fault in known}:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    chosen = [fault for fault in known if not wanted or fault.name in wanted]
    folder = options.folder or Path(tempfile.mkdtemp(prefix="messenger-faults-"))
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f}  {line}", flush=True)

    if options.mutants is not None:
        names = [] if options.mutants == "all" else options.mutants.split(",")
        if unknown := set(names) - set(MUTANTS):
            parser.error(f"there is no {', '.join(sorted(unknown))}")
        proofs = asyncio.run(Prover(folder, server=options.server, say=say).run(names))
        if options.output is not None:
            options.output.write_text(proof_table(proofs))
        return 0 if all(proof.passed for proof in proofs) else 1
    runner = Runner(PROFILES[options.profile], folder, server=options.server, say=say)
    outcomes = asyncio.run(runner.run(chosen))
    print(f"\n{report.table(outcomes)}")
    for name, why in runner.left_out.items():
        print(f"{name} was left out: {why}")
    if options.output is not None:
        options.output.write_text(report.markdown(outcomes, options.profile, runner.left_out))
    return 0 if outcomes and all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())

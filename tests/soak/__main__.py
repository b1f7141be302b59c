"""`python -m tests.soak [--seed N] [--minutes M] [--kills N] [--stalls N] [--json FILE]`: a soak, a report.

A Salesforce sandbox, a HubSpot sandbox and a database, people at work in all three, and `syncd run` in a
process of its own, which is killed and stalled at random moments drawn from the seed. Ends with 1 where
something did not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.soak.report import Report
from tests.soak.run import Plan, soak
from tests.support.postgres import reachable_folder, started


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="tests.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long people work, at least")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--stalls", type=int, default=50)
    parser.add_argument("--at-most", type=float, default=120.0, help="minutes, whatever is left to do")
    parser.add_argument("--rate", type=float, default=4.0, help="acts of people in a second")
    parser.add_argument("--json", type=Path, help="write the report there, too")
    words = parser.parse_args()
    plan = Plan(words.seed, words.minutes * 60, words.kills, words.stalls, words.rate, words.at_most * 60)
    with started() as url, reachable_folder() as folder:
        report: Report = asyncio.run(soak(plan, url, folder, say=lambda line: print(line, flush=True)))
    print(report.text())
    if words.json is not None:
        words.json.write_text(json.dumps(asdict(report), indent=2, default=str))
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())

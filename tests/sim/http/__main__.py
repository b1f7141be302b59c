"""`python -m tests.sim.http [--seed N] [--runs N] [--processes N] [--story FILE]`: tell HTTP runs.

Prints a line per failing seed, with the file that its story was written to; `--story FILE` tells it again.
At the end, what happened how often. Exit code 1 when something failed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.sim.http.loop import HttpLoop
from tests.sim.http.plan import FAULTS, draw_http
from tests.sim.http.run import HttpRun, HttpServer
from tests.sim.twin.catalogue import OVER_HTTP, never
from tests.sim.twin.plan import Plan
from tests.sim.twin.pool import Kind, tell_all
from tests.sim.twin.run import Outcome
from tests.sim.twin.worker import own_worker

KIND: Kind = (HttpRun, HttpServer, HttpLoop)


def main() -> int:
    """The command."""
    words = _words().parse_args()
    plans = [Plan.read(json.loads(words.story.read_text())["plan"])] if words.story else None
    drawn = tuple(words.connectors.split(","))
    seeds = range(words.seed, words.seed + words.runs)
    plans = plans or [draw_http(seed, words.events, drawn) for seed in seeds]
    if words.processes > 1:
        return _report(tell_all(plans, words.processes, KIND), words.keep)
    return _report(_told(plans, words.minutes), words.keep)


def _words() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.sim.http", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--runs", type=int, default=1, help="how many seeds")
    parser.add_argument("--events", type=int, default=50, help="what people do in each run")
    parser.add_argument("--connectors", default=",".join(FAULTS), help="which to draw from")
    parser.add_argument("--processes", type=int, default=1, help="how many at once")
    parser.add_argument("--story", type=Path, help="a story in a file, in place of seeds")
    parser.add_argument("--keep", type=Path, default=Path("build/sim-http"), help="where failing stories go")
    parser.add_argument("--minutes", type=float, default=1e9, help="one process begins no run after so many")
    return parser


def _told(plans: Sequence[Plan], minutes: float) -> Iterator[Outcome]:
    began = time.monotonic()
    with own_worker(*KIND) as worker:
        for plan in plans:
            if time.monotonic() - began < minutes * 60:
                yield worker.tell(plan)


def _report(outcomes: Iterator[Outcome], keep: Path) -> int:
    """Print and keep what fails as it comes, and print in the end what happened."""
    began, happened, failed, told = time.monotonic(), Counter[str](), 0, 0
    for outcome in outcomes:
        told += 1
        happened.update(outcome.happened)
        if outcome.faults:
            failed += 1
            print(f"seed {outcome.plan.seed}: {outcome.faults}; {_kept(outcome, keep)}", flush=True)
    seconds = time.monotonic() - began
    print(f"{told} runs, {failed} failed, {seconds / max(told, 1):.2f} s each")
    for what, times in sorted(happened.items()):
        print(f"{times:8} {what}")
    for what in never(happened, OVER_HTTP):
        print(f"   never {what}")
    return 1 if failed else 0


def _kept(outcome: Outcome, keep: Path) -> Path:
    """The file that a failing run's story and journal are written to."""
    keep.mkdir(parents=True, exist_ok=True)
    file = keep / f"{outcome.plan.seed}.json"
    story = {"faults": outcome.faults, "plan": outcome.plan.written(), "journal": outcome.log}
    file.write_text(json.dumps(story, indent=1))
    return file


if __name__ == "__main__":
    sys.exit(main())

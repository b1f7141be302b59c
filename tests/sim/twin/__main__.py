"""`python -m tests.sim.twin [--seed N] [--runs N] [--processes N] [--shrink] [--log FILE]`: tell runs.

Prints a line per failing seed, and at the end what happened how often. Exit code 1 when something failed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.sim.twin.catalogue import never
from tests.sim.twin.moods import draw
from tests.sim.twin.plan import Plan
from tests.sim.twin.pool import tell_all
from tests.sim.twin.run import Outcome
from tests.sim.twin.shrink import shrink
from tests.sim.twin.worker import Worker, own_worker, worker


def main() -> int:
    """The command."""
    words = _words().parse_args()
    plans = [Plan.read(json.loads(file.read_text())) for file in words.plan]
    seeds = range(words.seed, words.seed + words.runs * words.step, words.step)
    plans = plans or [draw(seed, words.events) for seed in seeds]
    if words.processes > 1 and not (words.shrink or words.log or words.until_failure or words.database):
        return _report(tell_all(plans, words.processes), len(plans), None, words.keep)
    with worker(words.database) if words.database else own_worker() as mine:
        if words.until_failure:
            return _until_failure(mine, plans, words.shrink_runs)
        told = _told(mine, plans, words.log)
        return _report(told, len(plans), mine if words.shrink else None, words.keep)


def _words() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.sim.twin", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--runs", type=int, default=1, help="how many seeds")
    parser.add_argument("--step", type=int, default=1, help="from one seed to the next; 12 keeps the mood")
    parser.add_argument("--processes", type=int, default=1, help="how many at once")
    parser.add_argument("--events", type=int, default=50, help="what people do in each run")
    parser.add_argument("--shrink", action="store_true", help="print the shortest plan that still fails")
    parser.add_argument("--plan", type=Path, nargs="*", default=[], help="plans in files, in place of seeds")
    parser.add_argument("--log", type=Path, help="write the last run's decision log there")
    parser.add_argument("--keep", type=Path, help="write the logs of those that fail into that folder")
    parser.add_argument("--database", help="the URL of a migrated database that nobody else uses")
    parser.add_argument("--until-failure", action="store_true", help="stop at the first; print it as JSON")
    parser.add_argument("--shrink-runs", type=int, default=0, help="runs for cutting that one short")
    return parser


def _told(mine: Worker, plans: Sequence[Plan], log: Path | None) -> Iterator[Outcome]:
    for plan in plans:
        outcome = mine.tell(plan)
        if log:
            log.write_bytes(outcome.bytes)
        yield outcome


def _report(told: Iterator[Outcome], runs: int, shrinker: Worker | None, keep: Path | None) -> int:
    """Print what fails as it comes, keep its log, and print in the end what happened."""
    began, happened, failed = time.monotonic(), Counter[str](), 0
    for number, outcome in enumerate(told, 1):
        if number % 100 == 0:
            print(f"{number} of {runs} told, {failed} failed", file=sys.stderr, flush=True)
        happened.update(outcome.happened)
        if outcome.faults:
            failed += 1
            print(f"seed {outcome.plan.seed}: {outcome.faults}", flush=True)
            if keep is not None:
                (keep / f"{outcome.plan.seed}.log").write_bytes(outcome.bytes)
            if shrinker is not None:
                small = shrink(outcome.plan, _fails_alike(shrinker, outcome.faults[0]))
                print(json.dumps(small.written()), flush=True)
    seconds = time.monotonic() - began
    print(f"{runs} runs, {failed} failed, {seconds / runs:.2f} s each")
    for what, times in sorted(happened.items()):
        print(f"{times:8} {what}")
    for what in never(happened):
        print(f"   never {what}")
    return 1 if failed else 0


def _until_failure(mine: Worker, plans: Sequence[Plan], shrink_runs: int) -> int:
    """Print the first seed that fails, its place among all, what the judges said and its plan."""
    for tried, plan in enumerate(plans, 1):
        broken = [fault for fault in mine.tell(plan).faults if not fault.startswith("never fired")]
        if broken:
            small = shrink(plan, _fails_alike(mine, broken[0]), shrink_runs) if shrink_runs else plan
            told = {"seed": plan.seed, "tried": tried, "words": broken[0], "plan": small.written()}
            print(json.dumps(told))
            return 1
    print(json.dumps({"seed": None, "tried": len(plans), "words": "", "plan": None}))
    return 0


def _fails_alike(mine: Worker, fault: str) -> Callable[[Plan], bool]:
    """Whether a plan fails in the same way: by the same invariant."""
    kind = " ".join(fault.split()[:2])
    return lambda smaller: any(f.startswith(kind) for f in mine.tell(smaller).faults)


if __name__ == "__main__":
    sys.exit(main())

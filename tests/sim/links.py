"""`python -m tests.sim.links [--seed N] [--runs N] [--processes N]`: schedules of the link machine alone.

Prints what is wrong as it is found, and in the end what happened how often. Exit code 1 when something was.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.sim.linkmodel import Model
from tests.sim.oracle import judge

CHUNK = 1_000


def told(seeds: range) -> tuple[list[str], Counter[str]]:
    """What is wrong with the schedules of these seeds, in words, and what they held."""
    happened: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in seeds:
        model = Model(seed)
        model.run()
        happened.update(model.happened)
        wrong += [f"seed {seed}: {words}" for words in judge(model)]
    return wrong, happened


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="tests.sim.links", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--runs", type=int, default=20_000, help="how many seeds")
    parser.add_argument("--processes", type=int, default=1, help="how many at once")
    words = parser.parse_args()
    end = words.seed + words.runs
    chunks = [range(first, min(first + CHUNK, end)) for first in range(words.seed, end, CHUNK)]
    began, failed, happened = time.monotonic(), 0, Counter[str]()
    with ProcessPoolExecutor(words.processes) as pool:
        for wrong, counted in pool.map(told, chunks):
            happened.update(counted)
            failed += len(wrong)
            for line in wrong:
                print(line, flush=True)
    for what, times in sorted(happened.items()):
        print(f"{times:10} {what}")
    print(f"{words.runs} schedules, {failed} faults, {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

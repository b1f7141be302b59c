"""`python -m tests.sim.twin.planted [--seeds N] [--keep] [NAME…]`: plant each bug in a copy; is it found?

Without `--seeds` each bug is looked for in the one story that is kept for it (tests/cases/planted), and,
where that does not find it any more, in a handful of seeds. With `--seeds`, in so many seeds of the mood or
aim that is likely to show it, or from `--first` on. `--keep` keeps the story of the first that finds it. The
code as it is must pass whatever finds a bug. Prints a line per bug. Exit code 1 when one is not found.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from tests.sim.mutations import Mutation
from tests.sim.twin.moods import seeds_of
from tests.sim.twin.mutations import LIKELY, MUTATIONS
from tests.sim.twin.worker import databases

ROOT = Path(__file__).parents[3]
KEPT = ROOT / "tests" / "cases" / "planted"
PACKAGES = ("syncd", "connectors", "conflict", "migrations")
HANDFUL = 8
"""Seeds that are tried where the kept story does not find its bug any more."""


def patched(mutation: Mutation) -> str:
    """The text of the file with the bug in it; raises where what is to be patched is not there, or twice."""
    text = (ROOT / mutation.file).read_text()
    found = text.count(mutation.old)
    if found != 1:
        raise ValueError(
            f"{mutation.name}: what it patches stands {found} times in {mutation.file}; "
            "write the patch anew in tests/sim/twin/mutations.py"
        )
    return text.replace(mutation.old, mutation.new)


def planted(mutation: Mutation, folder: Path) -> Path:
    """A copy of the product under `folder`, with one bug in it."""
    bug = patched(mutation)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name)  # compiled files too: their times stay
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / mutation.file).write_text(bug)
    return folder


def hunted(folder: Path, *arguments: str, seconds: float = 600.0) -> dict[str, Any]:
    """{"seed": the first that fails or null, "tried": runs, "words": what the judges said, "plan": its story}
    by the code of a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.sim.twin", "--until-failure", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert done.returncode in (0, 1), done.stderr[-2000:]
    assert done.stdout, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def story_of(mutation: Mutation) -> Path:
    """The file of the story that is kept for a bug."""
    return KEPT / (re.sub(r"[^a-z0-9]+", "-", mutation.name.lower()).strip("-") + ".json")


def main() -> int:
    """The command."""
    words = _words().parse_args()
    wanted = [m for m in MUTATIONS if not words.names or any(name in m.name for name in words.names)]
    free: SimpleQueue[str] = SimpleQueue()

    def look(mutation: Mutation) -> bool:
        if not words.seeds and not story_of(mutation).exists():
            print(f"{mutation.name:64} no story is kept: no seed has found it yet", flush=True)
            return True
        url = free.get()
        try:
            found, where = _found(mutation, url, words)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            found, where = {"seed": None, "tried": 0, "words": f"the harness broke: {error}"}, ""
        finally:
            free.put(url)
        seed = f"{found['seed']!s:>5} after {found['tried']:>4} {where:22}"
        print(f"{mutation.name:64} {seed} {found['words'][:150]}", flush=True)
        if found["seed"] is not None and words.keep and where != STORY:
            keep(story_of(mutation), found["plan"])
        return found["seed"] is not None

    with databases(words.processes) as urls, ThreadPoolExecutor(words.processes) as threads:
        for url in urls:
            free.put(url)
        found = list(threads.map(look, wanted))
        sound = words.seeds or all(threads.map(_sound, _dealt(wanted, len(urls)), urls))
        return 0 if sound and all(found) else 1


STORY = "its story"


def _words() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.sim.twin.planted", description=__doc__)
    parser.add_argument("--seeds", type=int, default=0, help="look in seeds, at most so many")
    parser.add_argument("--first", type=int, help="the first of these seeds, in place of the likely ones")
    parser.add_argument("--step", type=int, default=1, help="from one of them to the next")
    parser.add_argument("--like", help="the mood or aim of these seeds, in place of the likely one")
    parser.add_argument("--keep", action="store_true", help="keep the story that found it")
    parser.add_argument("--shrink", type=int, default=0, help="runs for cutting that story short")
    parser.add_argument("--processes", type=int, default=2, help="how many bugs at once")
    parser.add_argument("names", nargs="*", help="parts of the bugs' names; all where none is given")
    return parser


def keep(file: Path, plan: dict[str, Any]) -> None:
    """Write a story down."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(plan, separators=(",", ":")) + "\n")


def _dealt(wanted: Sequence[Mutation], hands: int) -> Iterable[list[str]]:
    """The files of the stories in so many parts."""
    files = [str(story_of(mutation)) for mutation in wanted if story_of(mutation).exists()]
    return [files[hand::hands] for hand in range(hands)]


def _sound(files: Sequence[str], url: str) -> bool:
    """Whether the code as it is passes these stories."""
    if not files:
        return True
    failed = hunted(ROOT, "--database", url, "--plan", *files)
    if failed["seed"] is not None:
        print(f"without any bug, {Path(files[failed['tried'] - 1]).name} fails: {failed['words']}")
    return failed["seed"] is None


def _found(mutation: Mutation, url: str, words: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """What finds a bug, and where that was looked for."""
    with tempfile.TemporaryDirectory() as folder:
        code, file = planted(mutation, Path(folder)), story_of(mutation)
        if not words.seeds:
            found = hunted(code, "--database", url, "--plan", str(file))
            if found["seed"] is not None:
                return found, STORY
        first, step, where = _seeds(mutation, words)
        tried, most = 0, words.seeds or HANDFUL
        while True:
            seeds = ("--seed", str(first + tried * step), "--runs", str(most - tried), "--step", str(step))
            found = hunted(code, "--database", url, *seeds, "--shrink-runs", str(words.shrink))
            tried = found["tried"] = tried + found["tried"]
            if found["seed"] is None or _passes(found["plan"], Path(folder), url):
                stale = "" if words.seeds else ", its story is stale"
                return found, f"{where}{stale}"
            if tried >= most:  # what it found fails without the bug as well
                return {**found, "seed": None}, where


def _passes(plan: dict[str, Any], folder: Path, url: str) -> bool:
    """Whether the code as it is passes a story."""
    keep(file := folder / "story.json", plan)
    return hunted(ROOT, "--database", url, "--plan", str(file))["seed"] is None


def _seeds(mutation: Mutation, words: argparse.Namespace) -> tuple[int, int, str]:
    """The first of the seeds in which a bug is looked for, the way to the next, and what they are called."""
    if words.first is not None:
        return words.first, words.step, f"from {words.first} by {words.step}"
    name = words.like or LIKELY[mutation.name]
    return (*seeds_of(name), name)


if __name__ == "__main__":
    sys.exit(main())

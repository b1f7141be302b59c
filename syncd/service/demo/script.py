"""`syncd demo` from its first line to its exit code, leaving no process behind."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape

from syncd.service.demo import crms, office
from syncd.service.demo.clashes import clash_by_rule, clash_to_ask
from syncd.service.demo.folder import make_room
from syncd.service.demo.process import Daemon
from syncd.service.demo.scene import Scene
from syncd.service.demo.story import NotInTimeError, Story
from syncd.service.demo.view import View, middle
from syncd.service.demo.watch import Watch

FINE, DIFFERS = 0, 1


@dataclass(frozen=True, slots=True)
class Play:
    """A story by name: `about` are its systems, `seconds` how long people edit if nothing is said."""

    about: str
    seconds: float
    scene: Callable[[Path, int], AbstractAsyncContextManager[tuple[Scene, Path]]]


PLAYS = {
    "crms": Play(crms.ABOUT, 20.0, crms.crms),
    "databases": Play(office.ABOUT, 60.0, office.office),
}
"""The first is the one that is shown if none is named."""


async def run_demo(
    folder: Path, name: str, *, seconds: float | None = None, plain: bool = False, seed: int = 7
) -> int:
    """Tell one of `PLAYS` in `folder`, which is emptied first; answers the exit code."""
    view, play = View(plain=plain), PLAYS[name]
    view.say(
        "[bold]syncd demo[/]: three systems that know partly the same people, kept the same in every way."
    )
    view.say(f"[dim]Everything happens on this machine, in {folder}; nothing needs to be installed.[/]")
    make_room(folder)
    view.chapter("Three systems", play.about)
    async with _story(view, play, folder, seed) as story:
        try:
            await _tell(story, play.seconds if seconds is None else seconds)
        except NotInTimeError as error:
            story.failures.append(str(error))
        return _verdict(story)


@asynccontextmanager
async def _story(view: View, play: Play, folder: Path, seed: int) -> AsyncIterator[Story]:
    """The story's parts; afterwards everything is ended, whatever happened."""
    async with play.scene(folder, seed) as (scene, config):
        daemon, watch = Daemon(config, view.width), Watch(folder / "state", scene.systems)
        try:
            yield Story(view, scene, daemon, watch, seed)
        finally:
            await watch.aclose()
            await daemon.stop()


async def _tell(story: Story, seconds: float) -> None:
    view = story.view
    await story.make()
    view.chapter(
        "The first sync",
        "The daemon reads all systems, finds out who is who, and writes to each what only others knew.",
    )
    await story.first_sync()
    view.chapter(
        "A day's work in a minute",
        "People edit in all three at once. Each edit must reach the others, and only once; the time is\n"
        "measured from the commit in one system to the row in the last of the others.",
    )
    await story.edits(seconds)
    view.chapter(
        "A clash, decided by rule",
        "Three people edit one field before any has seen the others. The file says: phones, prefer "
        f"{story.scene.best}.\nThe values that lost are kept, and syncd can say why.",
    )
    await clash_by_rule(story)
    view.chapter(
        "A clash that no rule may decide",
        "The file says: job titles, ask. Until a person decides, neither value is written over the other.",
    )
    await clash_to_ask(story)
    view.chapter(
        "A power cut",
        "The daemon is killed with signal 9 in the middle of a burst of edits, and people go on working.\n"
        "It must find out by itself what it had written and what it had not.",
    )
    await story.kill(min(4.0, max(1.5, seconds / 6)))
    view.chapter(
        "Is everything in sync?",
        "Every row of all systems is read again and compared with what syncd believes. What differs must\n"
        "be an open item: something that waits for a person and is listed as such.",
    )
    if await story.reconcile() != FINE:
        story.failures.append("the comparison found differences that nothing explains")


def _verdict(story: Story) -> int:
    view = story.view
    view.say("")
    if not story.failures:
        view.say(f"[bold green]All agrees, or is listed above as open.[/] {_numbers(story)}")
        view.say(
            f"[dim]{view.seconds:.0f} s. The configuration is {story.daemon.config}; beside it, in "
            f"{story.daemon.log.name}, is what the daemon said.\nNext: docs/getting-started.md; `syncd init "
            "sales:salesforce marketing:hubspot crm:sql` writes the file for systems of your own.[/]"
        )
        return FINE
    view.say("[bold red]Not everything agrees:[/]")
    for failure in story.failures:
        view.say(f"  - {escape(failure)}")
    return DIFFERS


def _numbers(story: Story) -> str:
    """What the edits of the whole story came to, those around the kill included."""
    crowd = story.people()
    made, arrived = len(crowd.edits), crowd.latencies
    return (
        f"{made} edits, {made - len(arrived)} lost; in all others after {middle(arrived) * 1000:.0f} ms "
        f"in the middle, {middle(arrived, 0.99):.1f} s for 99 of 100, the kill included."
    )


def demo(folder: Path, name: str, *, seconds: float | None, plain: bool, seed: int) -> int:
    """Run it; SIGTERM and Ctrl-C end every process that it started. 130 when it was interrupted."""

    async def interruptible() -> int:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
        return await run_demo(folder, name, seconds=seconds, plain=plain, seed=seed)

    with suppress(asyncio.CancelledError):
        return asyncio.run(interruptible())
    return 130

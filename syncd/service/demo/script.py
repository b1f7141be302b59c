"""`syncd demo` from its first line to its exit code, leaving no process behind."""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from rich.markup import escape

from syncd.service.demo.clashes import clash_by_rule, clash_to_ask
from syncd.service.demo.config import configuration
from syncd.service.demo.databases import Databases, databases
from syncd.service.demo.folder import make_room
from syncd.service.demo.marketing import Marketing, marketing
from syncd.service.demo.people import make_people
from syncd.service.demo.process import Daemon
from syncd.service.demo.sides import write_down
from syncd.service.demo.story import NotInTimeError, Story
from syncd.service.demo.systems import Systems
from syncd.service.demo.view import View
from syncd.service.demo.watch import Watch

FINE, DIFFERS = 0, 1


async def run_demo(folder: Path, *, seconds: float = 60.0, plain: bool = False, seed: int = 7) -> int:
    """Tell the whole story in `folder`, which is emptied first; answers the exit code."""
    view = View(plain=plain)
    view.say(
        "[bold]syncd demo[/]: three systems that know partly the same people, kept the same in every way."
    )
    view.say(f"[dim]Everything happens on this machine, in {folder}; nothing needs to be installed.[/]")
    make_room(folder)
    view.chapter(
        "Three systems",
        "A crm and an erp, which are PostgreSQL databases of different shape, and a newsletter service with\n"
        "a JSON API and webhooks. Each has its own idea of a phone number, a name and an amount. syncd gets\n"
        "one YAML file that says what corresponds to what.",
    )
    async with _story(view, folder, seed) as story:
        try:
            await _tell(story, seconds)
        except NotInTimeError as error:
            story.failures.append(str(error))
        return _verdict(story)


@asynccontextmanager
async def _story(view: View, folder: Path, seed: int) -> AsyncIterator[Story]:
    """The story's parts; afterwards everything is ended, whatever happened."""
    sides = write_down(make_people(seed), seed)
    place = folder / "marketing"
    async with databases(folder / "systems") as both, marketing(place, sides.marketing) as service:
        await both.fill(sides)
        config = await _configured(folder, place, both, service)
        daemon, watch = Daemon(config, view.width), Watch(folder / "state")
        try:
            yield Story(view, Systems(both, service), sides, daemon, watch, seed)
        finally:
            await watch.aclose()
            await daemon.stop()


async def _configured(folder: Path, place: Path, both: Databases, service: Marketing) -> Path:
    """The file, and the two secrets that it names; marketing is told where its webhooks go."""
    port, hooks = _free_port(), _free_port()
    secret = secrets.token_hex(16)
    (place / "token").write_text(service.token)
    (place / "secret").write_text(secret)
    await service.tell(f"http://127.0.0.1:{hooks}/hooks/marketing", secret)
    config = folder / "syncd.yaml"
    config.write_text(configuration(both.crm_url, both.erp_url, service.url, place, port, hooks))
    return config


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
        "Three people edit one field before any has seen the others. The file says: phones, prefer the crm.\n"
        "The values that lost are kept, and syncd can say why.",
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
        view.say(
            f"[bold green]All agrees, or is listed above as open.[/] [dim]{view.seconds:.0f} s. "
            f"Look into {story.daemon.config} and {story.daemon.log.name} beside it.[/]"
        )
        return FINE
    view.say("[bold red]Not everything agrees:[/]")
    for failure in story.failures:
        view.say(f"  - {escape(failure)}")
    return DIFFERS


def demo(folder: Path, *, seconds: float, plain: bool, seed: int) -> int:
    """Run it; SIGTERM and Ctrl-C end every process that it started. 130 when it was interrupted."""

    async def interruptible() -> int:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
        return await run_demo(folder, seconds=seconds, plain=plain, seed=seed)

    with suppress(asyncio.CancelledError):
        return asyncio.run(interruptible())
    return 130

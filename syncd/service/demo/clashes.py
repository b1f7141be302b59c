"""The story's clashes: people who press save on one field at the same moment."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from syncd.service.demo.edits import phone
from syncd.service.demo.story import Story
from syncd.service.demo.systems import Copies


async def clash_by_rule(story: Story) -> None:
    """All three edit one phone at the same moment; the rule says whose stands."""
    copies = story.people().take("contact")
    random, scene = Random(story.seed + 3), story.scene
    said = {system: phone(random) for system in scene.systems.names}
    await _clash(story, copies, scene.phones, said)
    await story.until("the clash", lambda: _agree(story, copies, scene.phones, said[scene.best]))
    await story.until("its entry", lambda: _in_state(story, copies, "phone", "decided"))
    await story.until("the rest", story.quiet)
    place = f"{scene.best}:{copies[scene.best]}"
    code, printed = await story.daemon.run("explain", "contact", place, "phone")
    story.view.command(f"syncd explain contact {place} phone", printed)
    story.view.say(f"  Now all three hold {said[scene.best]}.")
    lost = [value for value in said.values() if value != said[scene.best] and value not in printed]
    story.failures += [f"`syncd explain` does not show the value that lost: {value}" for value in lost]
    if code:
        story.failures.append(f"`syncd explain` ended with {code}")


async def clash_to_ask(story: Story) -> None:
    """Two edit one job title; the rule says `ask`, so a person decides, by a command."""
    copies, columns = story.people().take("contact"), story.scene.titles
    one, other = list(columns)[:2]
    await _clash(story, copies, columns, {one: "Managing Director", other: "Head of Purchasing"})
    await story.until("the conflict", lambda: _in_state(story, copies, "title", "open"))
    found = await story.watch.conflict("contact", one, copies[one], "title")
    assert found is not None
    code, said = await story.daemon.run("conflicts", "--kind", "contact")
    story.view.command("syncd conflicts", said)
    systems = [candidate["system"] for candidate in found["candidates"]]
    words = ("conflicts", "decide", str(found["conflict"]), "--candidate", str(systems.index(other)))
    code, said = await story.daemon.run(*words)
    story.view.command(f"syncd {' '.join(words)}", said)
    if code:
        story.failures.append(f"`syncd conflicts decide` ended with {code}")
    await story.until("the decision", lambda: _agree(story, copies, columns, "Head of Purchasing"))
    await story.until("the rest", story.quiet)
    story.view.say("  Now all hold Head of Purchasing.")


async def _clash(story: Story, copies: Copies, columns: Mapping[str, str], said: dict[str, str]) -> None:
    """People press save at once: each commits before syncd has seen the others.

    On a busy machine it would see one in time to tell the next, who then saves on top of it: no clash at all.
    """
    told = "; ".join(f"{system} sets {columns[system]} to {value}" for system, value in said.items())
    story.view.say(f"  At the same moment {told}.")
    tables = story.systems.kinds["contact"]
    with story.daemon.held():
        await story.systems.at_once(
            [
                (system, tables[system], copies[system], {columns[system]: value})
                for system, value in said.items()
            ]
        )


async def _in_state(story: Story, copies: Copies, name: str, state: str) -> bool:
    system = story.systems.names[0]
    found = await story.watch.conflict("contact", system, copies[system], name)
    return found is not None and found["state"] == state


async def _agree(story: Story, copies: Copies, columns: Mapping[str, str], wanted: str) -> bool:
    tables = story.systems.kinds["contact"]
    values = [
        await story.systems.value(system, tables[system], copies[system], column)
        for system, column in columns.items()
    ]
    return values == [wanted] * len(values)

"""The story's clashes: people who press save on one field at the same moment."""

from __future__ import annotations

from random import Random

from syncd.service.demo.edits import PHONES, phone
from syncd.service.demo.story import Story
from syncd.service.demo.systems import KINDS, SYSTEMS, Copies


async def clash_by_rule(story: Story) -> None:
    """All three edit one phone at the same moment; the rule says whose stands."""
    copies = story.people().take("contact")
    random = Random(story.seed + 3)
    said = {system: phone(random) for system in SYSTEMS}
    columns = dict(zip(SYSTEMS, PHONES, strict=True))
    await _clash(story, copies, columns, said)
    await story.until("the clash", lambda: _agree(story, copies, columns, said["crm"]))
    await story.until("its entry", lambda: _in_state(story, copies, "phone", "decided"))
    await story.until("the rest", story.quiet)
    code, printed = await story.daemon.run("explain", "contact", f"crm:{copies['crm']}", "phone")
    story.view.command(f"syncd explain contact crm:{copies['crm']} phone", printed)
    story.view.say(f"  Now all three hold {said['crm']}.")
    if code:
        story.failures.append(f"`syncd explain` ended with {code}")


async def clash_to_ask(story: Story) -> None:
    """Both edit one job title; the rule says `ask`, so a person decides, by a command."""
    copies = story.people().take("contact")
    columns = {"crm": "title", "erp": "job"}
    await _clash(story, copies, columns, {"crm": "Managing Director", "erp": "Head of Purchasing"})
    await story.until("the conflict", lambda: _in_state(story, copies, "title", "open"))
    found = await story.watch.conflict("contact", copies["crm"], "title")
    assert found is not None
    code, said = await story.daemon.run("conflicts", "--kind", "contact")
    story.view.command("syncd conflicts", said)
    systems = [candidate["system"] for candidate in found["candidates"]]
    words = ("conflicts", "decide", str(found["conflict"]), "--candidate", str(systems.index("erp")))
    code, said = await story.daemon.run(*words)
    story.view.command(f"syncd {' '.join(words)}", said)
    if code:
        story.failures.append(f"`syncd conflicts decide` ended with {code}")
    await story.until("the decision", lambda: _agree(story, copies, columns, "Head of Purchasing"))
    await story.until("the rest", story.quiet)
    story.view.say("  Now both hold Head of Purchasing.")


async def _clash(story: Story, copies: Copies, columns: dict[str, str], said: dict[str, str]) -> None:
    """People press save at once: each commits before syncd has seen the others."""
    told = "; ".join(f"{system} sets {columns[system]} to {value}" for system, value in said.items())
    story.view.say(f"  At the same moment {told}.")
    tables = KINDS["contact"]
    await story.systems.at_once(
        [(system, tables[system], copies[system], {columns[system]: value}) for system, value in said.items()]
    )


async def _in_state(story: Story, copies: Copies, name: str, state: str) -> bool:
    found = await story.watch.conflict("contact", copies["crm"], name)
    return found is not None and found["state"] == state


async def _agree(story: Story, copies: Copies, columns: dict[str, str], wanted: str) -> bool:
    tables = KINDS["contact"]
    values = [
        await story.systems.value(system, tables[system], copies[system], column)
        for system, column in columns.items()
    ]
    return values == [wanted] * len(values)

"""`syncd explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.asking import with_store
from syncd.cli.common import Call, ConfigOption, JsonOption, call_of
from syncd.cli.tables import brief, shown, table
from syncd.store.explain import Explanation, explain, life, moment
from syncd.store.history import Story, find_record, load_story
from syncd.store.store import Store

if TYPE_CHECKING:
    from rich.console import Group

app = typer.Typer()
Kind = Annotated[str, typer.Argument(metavar="KIND", help="The kind, such as contact.")]
Ident = Annotated[str, typer.Argument(metavar="ID", help="Our record id, or SYSTEM:REMOTE_ID.")]


@app.command("explain")
def explain_command(
    ctx: typer.Context,
    kind: Kind,
    ident: Ident,
    field: Annotated[str | None, typer.Argument(help="One field; all of them if absent.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Why a field has its value: who said so, what stood against it, which rule, and where it was written."""
    call = call_of(ctx, config, json)
    kinds = call.settings().kinds
    section = kinds.get(kind)
    if section is None:
        raise typer.BadParameter(f"there is no kind {kind}; known are: {', '.join(kinds)}")
    if field is not None and field not in section.field_types:
        raise typer.BadParameter(f"{kind} has no field {field}; it has: {', '.join(section.field_types)}")
    story = story_of(call, kind, ident)
    maps = {(spec.system, spec.object): spec.map for spec in section.objects}
    names = [field] if field is not None else list(section.field_types)
    found = [explain(story, name, maps) for name in names]
    call.show(as_data(story, found), _text(story, found, one=field is not None))


def story_of(call: Call, kind: str, ident: str) -> Story:
    """All that is stored of a record. Exits with 2 where the kind is unknown, with 1 where the record is."""
    if kind not in (kinds := call.settings().kinds):
        raise typer.BadParameter(f"there is no kind {kind}; known are: {', '.join(kinds)}")

    async def load(store: Store) -> Story:
        return await load_story(store, kind, await find_record(store, kind, ident))

    return with_store(call, load)


def as_data(story: Story, found: list[Explanation]) -> dict[str, Any]:
    """For JSON."""
    record = story.record
    return {
        "kind": record.kind,
        "record_id": record.record_id,
        "version": record.version,
        "deleted": record.deleted,
        "life": life(story),
        "history_from": story.kept.history,
        "journal_from": story.kept.journal,
        "fields": [one.as_dict() for one in found],
        "parked": story.parked,
    }


def heading(story: Story) -> str:
    """Which record this is."""
    record = story.record
    copies = [f"{copy.link.system}:{copy.link.remote_id} ({copy.link.state})" for copy in story.copies]
    what = f"{record.kind} {record.record_id}, version {record.version}"
    return f"{what}{', deleted' if record.deleted else ''}: {', '.join(copies) or 'no copy'}"


def _text(story: Story, found: list[Explanation], *, one: bool) -> Group:
    from rich.console import Group

    parts: list[Any] = [shown(heading(story))]
    for explanation in found:
        if one or explanation.known:
            parts += ["", *_told(explanation)]
    if not one:
        parts += ["", *[shown(said) for said in life(story)]]
    parts += [shown(f"parked in {item['system']}: {item['message']}") for item in story.parked]
    return Group(*parts)


def _told(found: Explanation) -> list[Any]:
    value = brief(found.value) if found.known else "never reported"
    lines: list[Any] = [f"[bold]{shown(found.field)}[/bold] is {shown(value)}", shown(found.origin)]
    lines += [shown(rival) for rival in found.rivals]
    rows = [
        (
            f"{place.system}:{place.remote_id}",
            ", ".join(f"{name} = {brief(value)}" for name, value in place.holds.items()),
            place.status,
            _between(place.not_before, place.not_after),
        )
        for place in found.places
    ]
    if rows:
        lines.append(table("", "where", "holds", "", "last read or written", rows=rows))
    return lines


def _between(since: Any, until: Any) -> str:
    bounds = (("after", since), ("before", until))
    return ", ".join(f"{word} {moment(at)}" for word, at in bounds if at is not None) or "-"

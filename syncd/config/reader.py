"""YAML text to plain values, with the position of every key and value.

Words mean what YAML 1.2 says: `yes`, `no`, `on` and dates are text; only `true` and `false` are booleans.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from syncd.config.places import Report
from syncd.config.problems import Path, Place
from syncd.config.syntax import syntax_problem

MAX_NODES = 200_000  # aliases may multiply: a small file must not become a large tree
PREFIX = "tag:yaml.org,2002:"


class Unreadable(Exception):
    """The file's syntax is broken; the problem is already in the report."""


def read_text(text: str, file: str, report: Report) -> Any:
    """The plain value of one YAML document. Raises `Unreadable` on a syntax error."""
    try:
        root = YAML(typ="rt", pure=True).compose(text)
        return None if root is None else Builder(file, report).build(root, ())
    except MarkedYAMLError as error:
        syntax_problem(error, text, file, report)
    except RecursionError:
        report.at(Place(file), (), "is nested too deeply", "Write it flatter.")
    except YAMLError:
        report.at(Place(file), (), "holds a character that YAML forbids", "Save the file as UTF-8 text.")
    raise Unreadable(file)


@dataclass(slots=True)
class Builder:
    """Turns one file's node tree into plain values."""

    file: str
    report: Report
    nodes: int = 0

    def build(self, node: Node, path: Path, above: tuple[int, ...] = ()) -> Any:
        """The value of a node; `above` holds the nodes around it, against aliases to themselves."""
        place = self.place(node)
        if not isinstance(node, ScalarNode) or node.value or node.style:  # an empty one has no place
            self.report.places.values.setdefault(path, place)
        self.nodes += 1
        if id(node) in above or self.nodes > MAX_NODES:
            self.report.at(place, path, "repeats itself through an alias", "Write the values out.")
            raise Unreadable(self.file)
        if isinstance(node, MappingNode):
            return self.mapping(node, path, (*above, id(node)))
        if isinstance(node, SequenceNode):
            inner = (*above, id(node))
            return [self.build(item, (*path, index), inner) for index, item in enumerate(node.value)]
        return self.scalar(str(node.tag), str(node.value), path, place)

    def mapping(self, node: MappingNode, path: Path, above: tuple[int, ...]) -> dict[str, Any]:
        """A mapping's own keys first, then those merged in by `<<`."""
        result: dict[str, Any] = {}
        merged: list[Node] = []
        for key, value in node.value:
            if key.tag == PREFIX + "merge":
                merged += value.value if isinstance(value, SequenceNode) else [value]
            elif isinstance(key, ScalarNode):
                self.entry(result, key, value, path, above)
            else:
                self.report.at(self.place(key), path, "has a key that is not a word", "Write a plain word.")
        for source in merged:
            self.merge(result, source, path, above)
        return result

    def entry(
        self, result: dict[str, Any], key: ScalarNode, value: Node, path: Path, above: tuple[int, ...]
    ) -> None:
        here = (*path, str(key.value))
        if key.value in result:
            first = self.report.places.keys[here]
            message = f"is written twice, first in line {first.line}"
            self.report.at(self.place(key), here, message, "Keep one of the two.")
            return
        self.report.places.keys[here] = self.place(key)
        result[str(key.value)] = self.build(value, here, above)

    def merge(self, result: dict[str, Any], source: Node, path: Path, above: tuple[int, ...]) -> None:
        if not isinstance(source, MappingNode) or id(source) in above:
            self.report.at(self.place(source), path, "merges something that is not a mapping")
            return
        for key, value in source.value:
            if isinstance(key, ScalarNode) and key.value not in result:
                self.entry(result, key, value, path, above)

    def scalar(self, tag: str, text: str, path: Path, place: Place) -> Any:
        if tag in (PREFIX + "str", PREFIX + "timestamp"):
            return text
        if tag == PREFIX + "null":
            return None
        if tag == PREFIX + "bool":
            return text.lower() == "true"
        if tag in (PREFIX + "int", PREFIX + "float"):
            return number(text)
        hint = "Remove the tag, or put the value in quotes."
        self.report.at(place, path, f'has the tag "{tag}", which syncd does not know', hint)
        self.report.spoil(path)
        return text

    def place(self, node: Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)


def number(text: str) -> int | float | str:
    """A plain scalar that YAML takes for a number; left as text where Python does not."""
    plain = text.replace("_", "")
    parsers: tuple[Callable[[str], int | float], ...] = (int, lambda digits: int(digits, 0), float)
    for parse in parsers:
        try:
            return parse(plain)
        except ValueError:
            continue
    return text

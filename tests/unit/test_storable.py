"""What no store of JSON keeps enters as a stand-in that no type reads."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from syncd.core.errors import ParseError
from syncd.core.storable import stands_in, storable
from syncd.mapping.types import field_type

ODD: list[Any] = ["a\0b", "\0", "\ud800", "x\udfffé", ["a", "\0"], {"k": ["\0"]}, {"\0": 1}, [["\ud800"]]]
KINDS: list[Any] = ["text", "email", "phone", "enum", "integer", "decimal", "boolean", "date", "datetime"]
KINDS += [{"set": "text"}, {"ref": "company"}]


@pytest.mark.parametrize("value", ODD)
def test_what_cannot_be_stored_is_stood_in_for(value: Any) -> None:
    fields = storable({"one": "1", "odd": value})
    assert fields["one"] == "1"
    assert stands_in(fields["odd"])
    assert b"\\u0000" not in orjson.dumps(dict(fields)).replace(b"\\\\u0000", b"")


def test_stand_ins_are_equal_as_their_values_are() -> None:
    told = [storable({"x": value})["x"] for value in ODD]
    assert all((a == b) == (i == k) for i, a in enumerate(told) for k, b in enumerate(told))


def test_all_else_is_left_as_it_is() -> None:
    plain = {"a": "Zoë 李雷 🦆", "b": None, "c": 1, "d": ["x", {"y": "\x01\u202e"}], "e": "\\u0000"}
    assert storable(plain) is plain


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_no_type_reads_a_stand_in(kind: Any) -> None:
    with pytest.raises(ParseError):
        field_type(kind).parse(storable({"x": "12\0"})["x"])

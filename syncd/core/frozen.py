"""`dataclass` for the nouns: frozen to the type checker, and at run time where Python runs with `-X dev`.

A frozen dataclass sets each field through `object.__setattr__`: 1.4 µs for a noun of 13 fields, 0.4 µs
without. A record passes through some ten nouns, so that alone is a tenth of what it costs. mypy refuses
every assignment, and development mode shows what mypy cannot see.
"""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool, slots: bool) -> Any:
        """`dataclasses.dataclass(frozen=True, slots=True)`, equal and hashed by its fields alike."""
        strict = bool(sys.flags.dev_mode)
        return dataclasses.dataclass(frozen=strict, slots=slots, unsafe_hash=not strict)


__all__ = ["dataclass"]

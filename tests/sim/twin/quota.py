"""A vendor's limit on calls: so many in a window, whoever makes them; told with each answer (I8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.base import Meter
from syncd.core.errors import RetryLater

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Limit:
    """The limit of one CRM. `share` is ours; `others` calls in a second are made by another tool.

    A fixed window begins at each multiple of its length; a `rolling` one ends now. `ours` are the times of
    our calls, `refused` how many were not let through.
    """

    most: int
    window: float
    share: float
    others: float
    rolling: bool
    now: Callable[[], float]
    ours: list[float] = field(default_factory=list)
    refused: int = 0

    def enter(self) -> None:
        """A call of ours arrives. Raises `RetryLater` where the limit is used up."""
        if self._left() <= 0:
            self.refused += 1
            raise RetryLater("too many calls", self._resets_in())
        self.ours.append(self.now())

    def meter(self, since: int) -> Meter:
        """What our connector knows, that was made when `since` calls had been made."""
        sent = len(self.ours) - since
        window = self.window if self.rolling else None
        return Meter(sent, len(self.ours), max(0, self._left()), self.most, self._resets_in(), None, window)

    def _since(self) -> float:
        now = self.now()
        return now - self.window if self.rolling else now // self.window * self.window

    def _left(self) -> int:
        since = self._since()
        mine = sum(at >= since for at in reversed(self.ours[-self.most :]))
        return self.most - mine - int((self.now() - max(0.0, since)) * self.others)

    def _resets_in(self) -> float:
        return 5.0 if self.rolling else self._since() + self.window - self.now()

"""Errors, named after what happens next rather than after where they came from.

Every message says what, where, why and what to do, and holds no secret and no personal value.
"""

from __future__ import annotations


class SyncdError(Exception):
    """The root of all errors that syncd raises on purpose."""


class RetryLater(SyncdError):
    """The whole call failed and may succeed later. `after` is the remote's own wish, in seconds.

    `uncertain` says that a write may have been committed although its answer was lost.
    """

    def __init__(self, message: str, after: float | None = None, *, uncertain: bool = False) -> None:
        super().__init__(message)
        self.after = after
        self.uncertain = uncertain


class SchemaMoved(RetryLater):
    """An object is not what `describe` said last: describe it before all else. Nothing was done."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 0.1)


class NeedsOperator(SyncdError):
    """A person must act: log in again, grant a right, mend the configuration. `todo` says what."""

    def __init__(self, message: str, todo: str) -> None:
        super().__init__(f"{message}. {todo}")
        self.todo = todo


class Misconfigured(NeedsOperator):
    """What a system answers shows that a word of the configuration is wrong.

    `key` is where that word stands in the system's section, such as `calls.list.at`, empty where it may be
    one of several; `said` is the message without what to do.
    """

    def __init__(self, message: str, todo: str, key: str) -> None:
        super().__init__(message, todo)
        self.said, self.key = message, key


class LoginNeeded(NeedsOperator):
    """Nobody is let in: a person must log in, or mend the credentials. No other call can do better."""


class CursorLost(SyncdError):
    """The remote no longer knows this cursor: sweep, then go on from a fresh one."""


class BatchRefused(SyncdError):
    """One bad row made the remote refuse the whole batch, and it does not say which: bisect.

    Nothing of the batch was written.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ParseError(SyncdError):
    """A remote value that its type cannot read. Holds the type and the reason, never the value."""


class Unlinked(SyncdError):
    """A reference whose target is not linked here yet: wait for it, in either direction."""

    def __init__(self, target: object) -> None:
        super().__init__("the reference's target is not linked yet")
        self.target = target


class Fenced(SyncdError):
    """Another daemon holds the store now: stop, write nothing."""


class StoreUnavailable(SyncdError):
    """The store cannot be reached or is read-only: stop safely; exit code 3."""


class ConfigError(SyncdError):
    """The configuration is wrong; the message lists every problem with file:line:column and what to do."""

"""Whose data this is, by a call that the configuration names."""

from __future__ import annotations

from connectors.http import HttpClient, failure, step_of
from connectors.login import Account
from connectors.rest.call import compile_call
from connectors.rest.options import AccountWords
from connectors.rest.paths import MISSING, getter
from connectors.rest.template import as_text
from syncd.core.errors import NeedsOperator


async def account(client: HttpClient, words: AccountWords, what: str) -> Account:
    """Ask. Raises `NeedsOperator` where the answer does not tell, and what the client raises."""
    call = compile_call("account", words.call, {}, what)
    answer = await client.send(call.request({}))
    if not answer.ok:
        failed = failure(step_of(answer.status), what, answer, writes=False)
        message = f"{what}: the server answered {answer.status}"
        raise failed or NeedsOperator(message, "Mend `account`, or remove it")
    body = answer.json(what)
    found = [_text(body, path) for path in (words.id, words.name, words.user)]
    if not found[0]:
        raise NeedsOperator(f"{what}: the answer has nothing at {words.id}", "Mend `account.id`")
    return Account(*found)


def _text(body: object, path: str | None) -> str:
    found = MISSING if path is None else getter(path)(body)
    return "" if found is MISSING or found is None else as_text(found)

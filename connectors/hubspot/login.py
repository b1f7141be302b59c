"""The ways in: a fixed token, or an app that a person lets into a portal (guide on OAuth)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from connectors.base import ObjectSpec
from connectors.http import HeaderAuth, OAuth
from connectors.http.auth import Auth
from connectors.hubspot.names import Names
from connectors.hubspot.options import HubSpotOptions
from connectors.login import Browser

TOKEN_PATH, REVOKE_PATH, AUTHORIZE_PATH = "/oauth/v3/token", "/oauth/v3/token/revoke", "/oauth/authorize"
INFO_PATH = "/oauth/v2/private-apps/get/access-token-info"
"""Tells the scopes of a private app's token (page on private apps)."""
OWNERS = "crm.objects.owners.read"
WORDS: Mapping[str, str] = {
    "0-1": "contacts",
    "0-2": "companies",
    "0-3": "deals",
    "0-7": "products",
    "0-8": "line_items",
    "0-14": "quotes",
    "0-115": "users",
    "0-136": "leads",
}
"""By type id, how scopes name an object; tickets have a scope of an older form, custom objects share one."""


def auth_of(options: HubSpotOptions) -> Auth:
    """The configured way in."""
    auth = options.auth
    if auth.token is not None:
        return HeaderAuth({"Authorization": f"Bearer {auth.token.get_secret_value()}"})
    form = {"grant_type": "refresh_token"}
    if auth.refresh_token is not None:
        form["refresh_token"] = auth.refresh_token.get_secret_value()
    secret = auth.client_secret.get_secret_value() if auth.client_secret is not None else ""
    return OAuth(options.url + TOKEN_PATH, form, client_id=auth.client_id or "", client_secret=secret)


def browser_of(options: HubSpotOptions, names: Names, specs: Mapping[str, ObjectSpec]) -> Browser | None:
    """Where a person lets the app in; None for a fixed token."""
    auth = options.auth
    if auth.token is not None:
        return None
    wanted = auth.scopes or (
        "oauth",
        *(scope for name in specs for right in ("read", "write") for scope in needed(names, name, right)),
        *(OWNERS for spec in specs.values() if any(field.endswith(".email") for field in spec.fields)),
    )
    hosted = urlsplit(options.url).hostname == "api.hubapi.com"
    page = auth.authorize_url or ("https://app.hubspot.com" if hosted else options.url) + AUTHORIZE_PATH
    return Browser(page, " ".join(dict.fromkeys(wanted)), redirect=auth.redirect)


def needed(names: Names, object: str, right: str) -> list[str]:
    """The scopes by which an app may read (with its schema) or write an object."""
    type_id = names.type_of(object)
    if type_id == "0-5":
        return ["tickets"]
    word = WORDS.get(type_id, "custom")
    found = [f"crm.objects.{word}.{right}"]
    return [*found, f"crm.schemas.{word}.read"] if right == "read" else found


def lacking(names: Names, object: str, scopes: Iterable[str]) -> list[str]:
    """What an app may not do with an object, a sentence each, for want of scopes.

    Those for the schema and for owners are not among them: without them there is no description.
    """
    has = set(scopes)
    wanted = [
        *(("read it", scope) for scope in needed(names, object, "read") if ".schemas." not in scope),
        *(("write it", scope) for scope in needed(names, object, "write")),
    ]
    return [
        f"the app may not {what}: it lacks the scope {scope}" for what, scope in wanted if scope not in has
    ]

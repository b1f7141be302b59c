"""The file that `syncd init` writes: complete, commented, and right but for the secrets and the names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from syncd.config.settings import ConnectorOptions

HEAD = """\
# syncd's configuration. `syncd check` judges it, with a line and what to do for every problem.
# Secrets stand only as "${env:NAME}" or "${file:PATH}"; $${ stands for the characters themselves.

store: embedded              # or "${env:STORE_URL}" for a postgresql:// database of your own
state: .syncd                # the folder for what syncd keeps, beside this file

systems:
"""

KINDS = """
kinds:
  company:
    fields:                  # text, email, phone, integer, decimal, boolean, date, datetime,
      name: text             # {enum: [a, b]}, {set: text}, {ref: KIND}, {phone: {region: DE}}
      website: text
    match: [website, name]   # what makes two records one: the first that decides
    systems:
"""

KINDS_CONTACT = """
  contact:
    fields:
      email: email
      first_name: text
      last_name: text
      phone: phone
      company: {ref: company}
    match: [email, [phone, last_name]]   # fields in brackets count together
    systems:
"""

RULES = """\
    conflicts:               # the first rule that decides; what none decides waits for a person
      - {fields: [email], strategy: prefer, systems: [%s]}
      - {strategy: newest, skew: 2s}
      - {strategy: ask}      # also: oldest, longest, union, max, min, non_empty
    deletes:
      policy: unlink         # what the others do when one deletes: propagate, archive, unlink, ignore
      against_edit: ask      # or delete-wins, edit-wins
    brakes:                  # writes beyond this wait for a person
      delete: {count: 50, share: 2%%, per: 1h}
"""

TAIL = """
retention:                   # how long what is over is kept: a duration, or forever
  journal: 30d               # what came in, as it came
  history: 365d              # versions and decided conflicts
  tombstones: 365d           # records that are deleted everywhere

service:
  listen: 127.0.0.1:8686     # /healthz, /readyz and /metrics
  log: {level: info, json: false}
"""


OBJECTS = {"company": "companies", "contact": "contacts"}
FIELDS = {
    "company": {"name": "name", "website": "website"},
    "contact": {key: key for key in ("email", "first_name", "last_name", "phone")}
    | {"company": "company_id"},
}
"""Where a connector knows no better."""


def init_template(
    systems: Sequence[tuple[str, str]], connectors: Mapping[str, ConnectorOptions] | None = None
) -> str:
    """A configuration for systems given as (name, connector); with `connectors`, with their required keys."""
    known = connectors or {}
    parts = [HEAD]
    parts += [system_lines(name, connector, known.get(connector)) for name, connector in systems]
    parts.append(KINDS)
    parts += [kind_lines("company", name, known.get(connector)) for name, connector in systems]
    parts.append(KINDS_CONTACT)
    parts += [kind_lines("contact", name, known.get(connector)) for name, connector in systems]
    parts += [RULES % ", ".join(name for name, _ in systems), TAIL]
    return "".join(parts)


def system_lines(name: str, connector: str, known: ConnectorOptions | None) -> str:
    """One system: its connector, what that requires, and what may be said besides."""
    hints = known.example.hints if known is not None and known.example is not None else ()
    lines = "".join(f"    {named(hint, name)}\n" for hint in hints)
    return (
        f"  {name}:\n    connector: {connector}\n{required_lines(known, 'options', 4, name)}"
        f"{lines}"
        "    poll: 30s                # how often changes are asked for\n"
        "    sweep: 1d                # how often everything is compared\n"
        "    # guard: compare         # how an overwrite is guarded: compare, read, none\n"
        "    # quota: {calls_per_second: 5}\n"
    )


def required_lines(known: ConnectorOptions | None, which: str, indent: int, name: str) -> str:
    """The keys that a connector requires, each with something that stands for its value."""
    if known is None:
        return "" if which == "object_options" else f'    # url: "${{env:{variable(name, "url")}}}"\n'
    shape = getattr(known, which).model_json_schema()
    lines = ""
    for key in shape.get("required", []):
        field = shape["properties"][key]
        about = field.get("description", "").split("\n")[0]
        line = f"{' ' * indent}{key}: {stand_in(field, name, key)}"
        lines += f"{line}   # {about}\n" if about else f"{line}\n"
    return lines


def stand_in(field: Mapping[str, Any], name: str, key: str) -> str:
    """A value that loads: an example, the default's kind for numbers, an environment variable for texts.

    `NAME` in an example stands for the system's name in variables.
    """
    if field.get("examples"):
        return named(str(field["examples"][0]), name)
    if "enum" in field or "const" in field:
        return json.dumps(field.get("const", (field.get("enum") or [""])[0]))
    kind = field.get("type")
    simple = {"integer": "1", "number": "1", "boolean": "false", "array": "[]", "object": "{}"}
    return simple.get(str(kind), f'"${{env:{variable(name, key)}}}"')


def named(example: str, name: str) -> str:
    """An example with the system's name in its variables."""
    return example.replace("NAME", variable(name, "")[:-1])


def variable(name: str, key: str) -> str:
    """The name of an environment variable for a setting."""
    return re.sub(r"\W", "_", f"{name}_{key}").upper()


def kind_lines(kind: str, name: str, known: ConnectorOptions | None) -> str:
    """A kind in one system, with the names that the vendor gives, else with such as people give."""
    own = required_lines(known, "object_options", 8, name)
    example = known.example if known is not None else None
    if example is None:
        return place_lines(name, OBJECTS[kind], FIELDS[kind], own, "syncd_id")
    return place_lines(name, example.objects[kind], example.fields[kind], own, example.key_field)


def place_lines(name: str, object: str, fields: Mapping[str, str], own: str, key_field: str) -> str:
    """A kind in one system."""
    mapped = ", ".join(f"{ours}: {theirs}" for ours, theirs in fields.items())
    return (
        f"      {name}:\n        object: {object}        # the table or object there\n{own}"
        f"        # key_field: {key_field:<11} # a unique field for our id, so that no create happens twice\n"
        f"        # create: yes            # or matched_only, no\n"
        f"        # direction: both        # or in, out\n"
        f"        fields: {{{mapped}}}\n"
    )

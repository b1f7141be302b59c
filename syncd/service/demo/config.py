"""The configuration that the demo runs with: the file that a person would write for these three systems."""

from __future__ import annotations

from pathlib import Path
from string import Template

TEMPLATE = Template("""\
# Three systems of different shape, kept the same. `syncd check -c` this file; change it and run it.
store: embedded                     # syncd's own memory: a PostgreSQL that it starts by itself
state: state

systems:
  crm:                              # the sales people's: an updated_at column says what changed
    connector: sql
    url: "$crm"
    capture: updated_at
    overlap: 0.2
    poll: 500ms
  erp:                              # the office's: triggers log each change, and ring
    connector: sql
    url: "$erp"
    capture: triggers
    poll: 5s
  marketing:                        # a newsletter service with a JSON API: its webhooks tell of each change
    connector: rest
    url: "$marketing/api"
    auth: {by: bearer, token: "$${file:$folder/token}"}
    poll: 20s                       # for webhooks that are lost
    calls:
      list:
        path: /{object}
        query: {limit: "{limit}", cursor: "{cursor}", changed_since: "{since}", include_deleted: true}
        at: items
      get: /{object}/{id}
      get_many: {path: "/{object}", query: {ids: "{ids}"}, at: items}
      find: {path: "/{object}", query: {"{field}": "{keys}"}, at: items}
      batch:
        path: /{object}/batch
        each:
          operations: {ref: "{ref}", op: "{op}", id: "{id}", if_version: "{version}", fields: "{values}"}
        body: {operations: "{operations}"}
        at: results
        match: ref
        status: status
        record: record
    paging: {by: cursor, next: next, limit: 200}
    record: {version: version, modified: updated_at, deleted: deleted}
    feed: {form: iso_ms, resolution: 0.001, overlap: 2}
    errors: {where: error, code: error.code, field: error.field, id: error.id}
    schema: {from: /_schema, at: "objects.{object}.fields", types: {ref: text}}
    webhooks:
      verify:
        by: hmac
        secret: "$${file:$folder/secret}"
        header: X-Signature
        prefix: sha256=
        timestamp: X-Timestamp
        over: "{timestamp}.{body}"
      events: events
      object: object
      op: op
      deletes: deleted
      version: version

kinds:
  company:
    fields: {name: text, website: text, city: text, phone: {phone: {region: DE}}, employees: integer}
    match: [website, name]
    systems:
      crm:
        object: companies
        key_field: syncd_key
        updated_at: updated_at
        fields: {name: name, website: website, city: city, phone: phone, employees: employees}
      erp:
        object: firms
        key_field: syncd_key
        fields:
          name: title
          website: web
          city: {to: town, max_length: 24}
          phone: tel
          employees: headcount
      marketing:
        object: organisations
        key_field: syncd_key
        fields: {name: label, website: domain, city: town, employees: size}
    conflicts:
      - {strategy: newest, skew: 1s}
      - {strategy: prefer, systems: [crm, erp, marketing]}

  contact:
    fields:
      first_name: text
      last_name: text
      email: email
      phone: {phone: {region: DE}}
      title: text
      company: {ref: company}
      tags: {set: text}
    match: [email]
    systems:
      crm:
        object: contacts
        key_field: syncd_key
        updated_at: updated_at
        fields:
          first_name: first_name
          last_name: last_name
          email: email
          phone: phone
          title: title
          company: company_id
          tags: {to: tags, split: ";"}      # one text here, a list there
      erp:
        object: people
        key_field: syncd_key
        fields:
          "first_name, last_name": {to: name, transform: full_name}
          email: mail
          phone: tel
          title: job
          company: firm
          tags: labels
      marketing:
        object: members
        key_field: syncd_key
        fields:
          first_name: given
          last_name: family
          email: address
          phone: mobile
          company: organisation
          tags: lists
    conflicts:
      - {fields: [phone, email], strategy: prefer, systems: [crm, erp, marketing]}
      - {fields: [tags], strategy: union}
      - {fields: [title], strategy: ask}    # a person decides
      - {strategy: newest, skew: 1s}
      - {strategy: prefer, systems: [crm, erp, marketing]}
    deletes: {policy: propagate, against_edit: edit-wins}

  deal:
    fields:
      reference: text
      title: text
      amount: decimal
      stage: {enum: [new, qualified, offer, won, lost]}
      closes: date
      company: {ref: company}
      contact: {ref: contact}
    match: [reference]
    systems:
      crm:
        object: deals
        key_field: syncd_key
        updated_at: updated_at
        fields: {reference: reference, title: title, amount: amount, stage: stage, closes: close_date,
          company: company_id, contact: contact_id}
      erp:
        object: orders
        key_field: syncd_key
        fields:
          reference: ref_no
          title: subject
          amount: {to: cents, scale: 0.01}                # cents there, money here
          stage: {to: status, values: {new: "10", qualified: "20", offer: "30", won: "80", lost: "90"}}
          closes: {to: due, date_format: "%d.%m.%Y"}      # a text there, a date here
          company: firm
          contact: person
    conflicts:
      - {strategy: newest, skew: 1s}
      - {strategy: prefer, systems: [crm, erp]}

service:
  listen: 127.0.0.1:$port
  webhooks: 127.0.0.1:$hooks        # marketing calls http://127.0.0.1:$hooks/hooks/marketing
""")


def configuration(crm: str, erp: str, marketing: str, folder: Path, port: int, hooks: int) -> str:
    """The file's text for the systems' URLs, the folder with `token` and `secret`, and two free ports."""
    return TEMPLATE.substitute(crm=crm, erp=erp, marketing=marketing, folder=folder, port=port, hooks=hooks)

"""The configuration that the demo runs with: the file that a person would write for these two databases."""

from __future__ import annotations

from string import Template

TEMPLATE = Template("""\
# Two databases of different shape, kept the same. `syncd check -c` this file; change it and run it.
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
    conflicts:
      - {strategy: newest, skew: 1s}
      - {strategy: prefer, systems: [crm, erp]}

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
    conflicts:
      - {fields: [phone, email], strategy: prefer, systems: [crm, erp]}
      - {fields: [tags], strategy: union}
      - {fields: [title], strategy: ask}    # a person decides
      - {strategy: newest, skew: 1s}
      - {strategy: prefer, systems: [crm, erp]}
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
""")


def configuration(crm: str, erp: str, port: int) -> str:
    """The file's text for two database URLs and a free port."""
    return TEMPLATE.substitute(crm=crm, erp=erp, port=port)

"""The configuration of the three CRMs: the file that a person would write for them."""

from __future__ import annotations

from pathlib import Path
from string import Template

TEMPLATE = Template("""\
# Salesforce, HubSpot and a database, kept the same. `syncd check -c` this file; change it and run it.
# With your own org and portal: docs/salesforce.md, docs/hubspot.md; leave out the addresses of the sandboxes.
store: embedded                     # syncd's own memory: a PostgreSQL that it starts by itself
state: state

systems:
  sales:                            # the sales people's Salesforce: asked for changes every 500 ms
    connector: salesforce
    login_url: $sales
    auth: {flow: client_credentials, client_id: $client, client_secret: "$${file:$folder/sales.secret}"}
    capture: poll                   # or events, with `pip install 'syncd[salesforce]'`
    overlap: 10
    poll: 500ms
  marketing:                        # the marketing people's HubSpot: its webhooks tell of each change
    connector: hubspot
    url: $marketing
    auth: {token: "$${file:$folder/marketing.token}"}
    webhooks: {secret: "$${file:$folder/marketing.secret}"}
    overlap: 10
    poll: 10s                       # for webhooks that are lost
    linger: 200ms                   # what comes within that time shares a call
  crm:                              # a CRM of one's own, in PostgreSQL: its triggers ring
    connector: sql
    url: "$crm"
    capture: triggers
    poll: 5s

kinds:
  company:
    fields: {name: text, website: text, city: text, employees: integer}
    match: [website, name]
    systems:
      sales:
        object: Account
        key_field: Syncd_Id__c
        fields: {name: Name, website: Website, city: {to: BillingCity, max_length: 40},
          employees: NumberOfEmployees}
      marketing:
        object: {name: companies, integers: [numberofemployees]}
        key_field: syncd_id
        fields: {name: name, website: domain, city: city, employees: numberofemployees}
      crm:
        object: firms
        key_field: syncd_key
        fields: {name: title, website: web, city: town, employees: staff}
    conflicts:
      - {strategy: newest, skew: 1s}
      - {strategy: prefer, systems: [sales, crm, marketing]}

  contact:
    fields:
      first_name: text
      last_name: text
      email: email
      phone: {phone: {region: DE}}
      title: text
      company: {ref: company}
    match: [email, [phone, last_name]]      # the first that decides; who could be two is never guessed
    systems:
      sales:
        object: Contact
        key_field: Syncd_Id__c
        fields:
          first_name: {to: FirstName, max_length: 40}       # longer ones are cut there on purpose
          last_name: {to: LastName, max_length: 80}
          email: {to: Email, max_length: 80}
          phone: Phone
          title: {to: Title, max_length: 128}
          company: AccountId
      marketing:
        object: contacts
        key_field: syncd_id
        fields: {first_name: firstname, last_name: lastname, email: email, phone: phone, title: jobtitle,
          company: {association: companies}}
      crm:
        object: people
        key_field: syncd_key
        fields: {first_name: given, last_name: family, email: mail, phone: tel, title: job, company: firm}
    conflicts:
      - {fields: [phone, email], strategy: prefer, systems: [sales, marketing, crm]}
      - {fields: [title], strategy: ask}    # a person decides
      - {strategy: newest, skew: 1s}
      - {strategy: prefer, systems: [sales, crm, marketing]}
    deletes: {policy: propagate, against_edit: edit-wins}

service:
  listen: 127.0.0.1:$port
  webhooks: 127.0.0.1:$hooks        # HubSpot calls http://127.0.0.1:$hooks/hooks/marketing
""")


def configuration(
    sales: str, client: str, marketing: str, crm: str, folder: Path, port: int, hooks: int
) -> str:
    """The file's text for the systems' addresses, Salesforce's client, the secrets' folder, two ports."""
    return TEMPLATE.substitute(
        sales=sales, client=client, marketing=marketing, crm=crm, folder=folder, port=port, hooks=hooks
    )

"""What every sandbox is made of: a server's life, control routes, faults, quirks, and a small CRM in memory.

A sandbox speaks a vendor's wire protocol and is judged by that; this kit knows no vendor and no connector.
The way of a call: `door` counts it, asks `auth` and `limits`, fires the `faults` that are armed, lets the
vendor's code work on the `world`, and sends the answer, or loses it. `control` shows and changes all that
while it runs.
"""

"""SOQL: words (`lex`), tree (`tree`, `parse`), meaning (`compile`, `filters`, `ranges`).

A subset of the SOQL and SOSL reference's grammar: fields, parents' fields, one level of children,
aggregates with GROUP BY, FIELDS(), WHERE, ORDER BY, LIMIT, OFFSET, ALL ROWS. Left out: TYPEOF, HAVING,
geolocation, data categories, USING SCOPE, FOR VIEW, functions of dates.
"""

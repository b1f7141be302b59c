"""Say which operation an outbox row is approved for; what was approved before may be any."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("outbox", "approved", server_default=None, nullable=True)
    any_ = "case when approved then 'any' end"
    op.alter_column("outbox", "approved", type_=sa.Text(), postgresql_using=any_)

"""Keys with the scope ``operator``: the bootstrap key and the other admin keys of the first organization.

The scope is a column of its own, because the former version fails on an unknown scope.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261129_03"
down_revision = "20261129_02"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("api_keys", sa.Column("operator", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.execute(
        "UPDATE api_keys SET operator = true "
        "WHERE 'admin' = ANY (scopes) AND organization_id = (SELECT min(id) FROM organizations)"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("api_keys", "operator")

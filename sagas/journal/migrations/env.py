"""What alembic asks for when it upgrades: our connection, in the transaction it is already in."""

from alembic import context

from sagas.journal.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()

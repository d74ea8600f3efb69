"""The schema, version by version: alembic's environment and its revisions."""

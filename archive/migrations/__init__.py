"""Alembic migrations, run as the `owner` database user."""

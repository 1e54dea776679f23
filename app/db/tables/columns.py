"""Builders of the columns and conditions that the tables declare."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)


def make_id() -> sa.Column[int]:
    """An identity column."""
    return sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True)


def make_reference(name: str, column: str, *, nullable: bool = False, primary_key: bool = False) -> sa.Column[int]:
    """A foreign key."""
    return sa.Column(name, sa.BigInteger, sa.ForeignKey(column), nullable=nullable, primary_key=primary_key)


def make_time(name: str, *, nullable: bool = True) -> sa.Column[Any]:
    """A time with time zone. One that is not nullable defaults to now."""
    default = None if nullable else sa.text("now()")
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


def make_text(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[str]:
    """A text column."""
    return sa.Column(name, sa.Text, nullable=nullable, server_default=default)


def make_integer(name: str, *, nullable: bool = False, default: int | None = 0) -> sa.Column[int]:
    """An integer column, 0 by default."""
    server_default = None if nullable or default is None else sa.text(str(default))
    return sa.Column(name, sa.Integer, nullable=nullable, server_default=server_default)


def make_object(name: str, *, nullable: bool = False, empty: str = "{}") -> sa.Column[Any]:
    """A JSONB column, by default empty."""
    default = None if nullable else sa.text(f"'{empty}'")
    return sa.Column(name, JSONB(none_as_null=True), nullable=nullable, server_default=default)


def write_choice(column: str, values: Iterable[StrEnum]) -> str:
    """The condition that a column holds one of these values of an enum."""
    return f"{column} IN ({', '.join(repr(value.value) for value in values)})"

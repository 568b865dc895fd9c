"""Column types of the index, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import sqlalchemy
from sqlalchemy import BigInteger, Dialect, Text, TypeDecorator
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import UserDefinedType


class Number(UserDefinedType[float]):
    """A float that keeps NaN: SQLite would store it as NULL, which means `not measured` here; PostgreSQL knows NaN.

    SQLAlchemy's own Float turns every parameter into a float, so it cannot be decorated to do this.
    """

    cache_ok = True

    def get_col_spec(self, **kw: Any) -> str:
        return "REAL"

    def bind_processor(self, dialect: Dialect) -> Callable[[float | None], Any]:
        if dialect.name == "postgresql":
            return lambda value: None if value is None else float(value)
        return lambda value: value if value is None or math.isfinite(value) else repr(float(value))

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], float | None]:
        return lambda value: None if value is None else float(value)


@compiles(Number, "postgresql")
def _double(kind: Number, compiler: Any, **kw: Any) -> str:
    """REAL has only 24 bits there."""
    return "DOUBLE PRECISION"


class Words(TypeDecorator[str]):
    """Text as people and programs write it; PostgreSQL refuses NUL in text, so none is kept anywhere."""

    impl = sqlalchemy.String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value if value is None else value.replace("\0", "\N{REPLACEMENT CHARACTER}")


class LongWords(Words):
    """The same without a usual length."""

    impl = Text
    cache_ok = True


class Json(TypeDecorator[Any]):
    """A JSON value as text; NaN and infinity survive as Python's json writes them."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


# SQLite's integers have 64 bits; PostgreSQL's of that name 32, too few for bytes of memory.
Whole = sqlalchemy.Integer().with_variant(BigInteger(), "postgresql")

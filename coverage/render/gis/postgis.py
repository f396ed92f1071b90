"""The layers and tables of a run in a PostgreSQL database with PostGIS: a schema of its own, in one transaction.

SQLAlchemy and GeoAlchemy2 are the extra ``plugspan[postgis]``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import shapely
from pyproj import CRS

from ...errors import Fault, InputError, OutputExistsError
from ...tables.plan_tables import is_input_table
from ...units import WGS84
from .geopackage import Table

if TYPE_CHECKING:
    import sqlalchemy as sql

DRIVER = "postgresql+psycopg"
MARK = "plugspan: "
"""The comment of a schema that may be replaced begins with this."""
KEY, SHAPE = "fid", "geom"
_ROWS_AT_ONCE = 2000
_SECRETS = ("password", "sslpassword", "oauth_client_secret")
_LONGEST_NAME = 63
"""Bytes of a name in PostgreSQL."""


def write_postgis(
    tables: Sequence[Table],
    address: str,
    *,
    schema: str = "plugspan",
    crs: str,
    lang: str,
    source: str = "",
    result: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> int:
    """Write tables into a schema of a database: all of them, or after any error none.

    Parameters
    ----------
    tables : sequence of Table
        From :func:`plugspan.render.gis.stored.read_layers`.
    address : str
        ``postgresql://USER@HOST:PORT/DATABASE``; a password is better left to ``PGPASSWORD`` or ``~/.pgpass``.
    schema : str
        Made, or taken if it is empty; everything is written into it and nothing elsewhere.
    crs : str
        Of the layers; an EPSG code. What was read is in EPSG:4326.
    lang : str
        Language of the comments on tables and columns.
    source : str
        Line on sources and date, for the schema's comment.
    result : mapping
        ``result.json``, kept in the table ``run_result`` as ``jsonb``.
    overwrite : bool
        Replace what is in a schema of that name, if plugspan wrote it.

    Returns
    -------
    int
        How many tables were written.

    Raises
    ------
    OutputExistsError
        If the schema holds something and ``overwrite`` is False, or plugspan didn't write it.
    InputError
        If the extra is not installed, the database can't be reached, or it lacks PostGIS or the coordinate system.
    """
    sa = _sqlalchemy()
    from sqlalchemy.exc import DBAPIError

    engine = _engine(sa, address)
    try:
        with engine.begin() as connection:
            _check(sa, connection, {CRS.from_user_input(crs).to_epsg(), 4326}, crs)
            _make_schema(sa, connection, schema, MARK + source, overwrite=overwrite)
            metadata = sa.MetaData(schema=schema)
            made = [(_table(sa, metadata, table, crs, lang), table) for table in tables]
            document = sa.Table(
                "run_result",
                metadata,
                sa.Column("document", sa.dialects.postgresql.JSONB),
                comment="result.json",
            )
            metadata.create_all(connection)
            for target, table in made:
                for rows in _rows(table, crs):
                    connection.execute(target.insert(), rows)
            if result is not None:
                connection.execute(document.insert(), [{"document": dict(result)}])
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split())[:300]
        raise InputError(Fault("postgis-refused", value=_shown(engine.url), values={"reason": reason})) from error
    finally:
        engine.dispose()
    return len(made)


def _sqlalchemy() -> Any:
    try:
        import geoalchemy2  # noqa: F401 (SQLAlchemy learns geometries by it)
        import psycopg  # noqa: F401
        import sqlalchemy as sa
        import sqlalchemy.dialects.postgresql
    except ImportError as error:
        raise InputError(Fault("postgis-extra", values={"name": error.name})) from error
    return sa


def _engine(sa: Any, address: str) -> sql.Engine:
    """An engine for an address; what is asked for is PostgreSQL, whatever driver the address names."""
    try:
        url = sa.engine.make_url(address)
    except (sa.exc.ArgumentError, ValueError) as error:  # ValueError: a port that is no number
        shown = address.rpartition("@")[2].partition("?")[0]
        raise InputError(Fault("postgis-address", value=shown)) from error
    if url.get_backend_name() not in ("postgresql", "postgres") or "@" in (url.host or ""):
        raise InputError(Fault("postgis-address", value=_shown(url)))
    return cast("sql.Engine", sa.create_engine(url.set(drivername=DRIVER)))


def _shown(url: sql.URL) -> str:
    """An address without its password, which may stand in the query, or reach into the host by an @ of its own."""
    plain = url.difference_update_query(_SECRETS).set(host=(url.host or "").rpartition("@")[2] or None)
    return plain.render_as_string(hide_password=True)


def _check(sa: Any, connection: sql.Connection, systems: set[int | None], crs: str) -> None:
    """See that PostGIS is there and knows the coordinate systems, before anything is made."""
    if connection.execute(sa.text("SELECT to_regclass('spatial_ref_sys')")).scalar() is None:
        raise InputError(Fault("postgis-missing", value=connection.engine.url.database))
    known = set(connection.execute(sa.text("SELECT srid FROM spatial_ref_sys")).scalars())
    if not systems <= known:
        raise InputError(Fault("postgis-crs", value=crs))


def _make_schema(sa: Any, connection: sql.Connection, schema: str, comment: str, *, overwrite: bool) -> None:
    """Make the schema, or empty ours: so its owner needs no right to make another, and its readers keep theirs.

    One that an administrator made for us, and that is empty, is taken as it is.
    """
    as_it_is = {"no_parameters": True}
    found = connection.execute(
        sa.text(
            "SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = :name"
        ),
        {"name": schema},
    ).scalar()
    if found is None:
        connection.execute(sa.schema.CreateSchema(schema))
    held = connection.execute(
        sa.text(
            "SELECT relname, relkind IN ('r', 'p') FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname = :name ORDER BY relname"
        ),
        {"name": schema},
    ).all()
    if held:
        if not overwrite or not (found or "").startswith(MARK):
            raise OutputExistsError("schema-exists" if not overwrite else "schema-foreign", schema=schema)
        for name in (name for name, is_table in held if is_table):
            statement = f"DROP TABLE {_quoted(schema)}.{_quoted(name)} CASCADE"
            connection.exec_driver_sql(statement, execution_options=as_it_is)
    words = comment.replace("'", "''")
    connection.exec_driver_sql(
        f"COMMENT ON SCHEMA {_quoted(schema)} IS '{words}'", execution_options=as_it_is
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _table(sa: Any, metadata: sql.MetaData, table: Table, crs: str, lang: str) -> sql.Table:
    """A table with a key, its columns with label and meaning as comments, an index on its places."""
    from geoalchemy2 import Geometry

    types = {"b": sa.Boolean, "i": sa.BigInteger, "f": sa.Double, "M": sa.Date, "O": sa.Text}
    columns = [sa.Column(KEY, sa.Integer, primary_key=True, autoincrement=False)]
    for held in table.fields:
        words = [held.label(lang), held.meaning(lang)]
        comment = " — ".join(word for word in words if word)
        columns.append(sa.Column(_name(held.name), types[held.values.dtype.kind], comment=comment))
    if table.geometry is not None:
        kind = (table.geometry_type or "Unknown").upper().replace("UNKNOWN", "GEOMETRY")
        columns.append(sa.Column(SHAPE, Geometry(kind, srid=_srid(table, crs), spatial_index=True)))
    return cast("sql.Table", sa.Table(_name(table.name), metadata, *columns, comment=table.title))


def _name(name: str) -> str:
    return name[:_LONGEST_NAME]


def _srid(table: Table, crs: str) -> int:
    own = WGS84 if is_input_table(table.name) else crs
    return int(CRS.from_user_input(own).to_epsg() or 0)


def _rows(table: Table, crs: str) -> Iterator[list[dict[str, Any]]]:
    """Rows as the database takes them, some thousands at a time; what is missing is NULL."""
    from geoalchemy2 import WKBElement

    columns = {_name(held.name): held.values.astype(object) for held in table.fields}
    for held in table.fields:
        columns[_name(held.name)][held.missing] = None
    if table.geometry is not None:
        shapes, srid = shapely.to_wkb(np.asarray(table.geometry, dtype=object)), _srid(table, crs)
        columns[SHAPE] = np.array(
            [None if one is None else WKBElement(one, srid=srid) for one in shapes], dtype=object
        )
    n = len(next(iter(columns.values()), ()))
    for start in range(0, n, _ROWS_AT_ONCE):
        part = range(start, min(start + _ROWS_AT_ONCE, n))
        yield [{KEY: i + 1, **{name: values[i] for name, values in columns.items()}} for i in part]

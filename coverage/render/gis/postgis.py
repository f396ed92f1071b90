"""The layers and tables of a run in a PostgreSQL database with PostGIS: a schema of its own, in one transaction.

SQLAlchemy and GeoAlchemy2 are the extra ``plugspan[postgis]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
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
LIST = "\ntables: "
"""What follows this in the comment are the tables that may be replaced; anything else in the schema is of others."""
LINKS = ("site_id", "gap_id", "action_id")
"""Columns by which tables are joined."""
_ROWS_AT_ONCE = 2000
_LONGEST_WAIT_S = 10
"""Who has read a table and not ended the transaction holds a lock on it, for hours perhaps."""
_LOCKED = "55P03"
"""How PostgreSQL says that it waited for a lock in vain."""
_SECRETS = ("password", "sslpassword", "oauth_client_secret")
_HELD = "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = :schema"
_RIGHTS = (
    "SELECT relname, privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,"
    " CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END"
    f" FROM (SELECT relname, (aclexplode(relacl)).* {_HELD}) rights"
)
"""What others may do with each table: the words of a GRANT."""
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
    done: Callable[[float], None] = lambda _share: None,
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
        Replace the tables that plugspan wrote into a schema of that name; all else in it stays.
    done : callable
        Gets the share of tables that are written, after each.

    Returns
    -------
    int
        How many tables were written.

    Raises
    ------
    OutputExistsError
        If the schema holds something and ``overwrite`` is False, plugspan didn't write it, or something of others
        has the name of a table or shows one whose columns have changed.
    InputError
        If the extra is not installed, the database can't be reached, it lacks PostGIS or the coordinate system, or
        another program holds a table.
    """
    sa = _sqlalchemy()
    from sqlalchemy.exc import DBAPIError

    engine = _engine(sa, address)
    metadata = sa.MetaData(schema=schema)
    made = [(_table(sa, metadata, table, crs, lang), table) for table in tables]
    document = sa.Table(
        "run_result",
        metadata,
        sa.Column(KEY, sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("document", sa.dialects.postgresql.JSONB),
        comment="result.json",
    )
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LONGEST_WAIT_S}s'")
            _check(sa, connection, {CRS.from_user_input(crs).to_epsg(), 4326}, crs)
            _make_tables(sa, connection, metadata, source, overwrite=overwrite)
            for n, (target, table) in enumerate(made, 1):
                for rows in _rows(table, crs):
                    connection.execute(target.insert(), rows)
                done(n / len(made))
            if result is not None:
                connection.execute(document.insert(), [{KEY: 1, "document": dict(result)}])
    except DBAPIError as error:
        shown = _shown(engine.url)
        if getattr(error.orig, "sqlstate", None) == _LOCKED:
            raise InputError(
                Fault("postgis-locked", value=shown, values={"schema": schema, "seconds": _LONGEST_WAIT_S})
            ) from error
        reason = " ".join(str(error.orig).split())[:300]
        raise InputError(Fault("postgis-refused", value=shown, values={"reason": reason})) from error
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


def _make_tables(
    sa: Any, connection: sql.Connection, metadata: sql.MetaData, source: str, *, overwrite: bool
) -> None:
    """Make the schema with its tables, or empty those in it that are ours by the list in its comment.

    A schema that an administrator made for us, and that is empty, is taken as it is. A table that keeps its columns
    stays, with the views that others made of it and with their rights; one that doesn't is made anew with the same
    rights. What others put into the schema is left alone.

    Raises
    ------
    OutputExistsError
        If the schema may not be replaced, or something of others is in the way.
    """
    schema = str(metadata.schema)
    ask = partial(_ask, sa, connection, schema=schema)
    said = ask("SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = :schema")
    if not said:
        connection.execute(sa.schema.CreateSchema(schema))
    comment = said[0][0] or "" if said else ""
    held = {name for (name,) in ask(f"SELECT relname {_HELD} AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')")}
    if held and not (overwrite and comment.startswith(MARK)):
        raise OutputExistsError("schema-foreign" if overwrite else "schema-exists", schema=schema)
    ours = held.intersection(comment.rpartition(LIST)[2].split(", "))
    wanted = {table.name: table for table in metadata.tables.values()}
    if taken := sorted(held.intersection(wanted) - ours):
        raise OutputExistsError("schema-taken", schema=schema, names=", ".join(taken))
    columns = _columns(ask)
    kept = {name for name in ours.intersection(wanted) if columns[name] == _types(connection, wanted[name])}
    rights = [right for right in ask(_RIGHTS) if right[0] in ours.intersection(wanted) - kept]
    _drop(connection, ask, schema, ours - kept)
    for name in sorted(kept):  # TRUNCATE would wait for whoever reads, and show others an empty table
        connection.execute(wanted[name].delete())
    metadata.create_all(connection)
    for name, right, who, option in rights:
        _execute(connection, f"GRANT {right} ON {_quoted(schema)}.{_quoted(name)} TO {who}{option}")
    for table in wanted.values():
        connection.execute(sa.schema.SetTableComment(table))
        for column in table.columns:
            connection.execute(sa.schema.SetColumnComment(column))
    words = f"{MARK}{source}{LIST}{', '.join(sorted(wanted))}".replace("'", "''")
    _execute(connection, f"COMMENT ON SCHEMA {_quoted(schema)} IS '{words}'")


def _ask(sa: Any, connection: sql.Connection, query: str, **values: Any) -> Sequence[Any]:
    return connection.execute(sa.text(query), values).all()


def _execute(connection: sql.Connection, statement: str) -> None:
    """Run a statement as it is: names and texts in it may hold what is a parameter elsewhere."""
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _columns(ask: Callable[..., Sequence[Any]]) -> dict[str, dict[str, str]]:
    """Columns of each table of a schema, with their types."""
    found: dict[str, dict[str, str]] = {}
    for name, column, kind in ask(
        "SELECT relname, attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        f" JOIN (SELECT c.oid, relname {_HELD}) t ON attrelid = t.oid WHERE attnum > 0 AND NOT attisdropped"
    ):
        # PostGIS may be in a schema that has to be named.
        found.setdefault(name, {})[column] = kind.lower().rpartition(".")[2]
    return found


def _types(connection: sql.Connection, table: sql.Table) -> dict[str, str]:
    """The same of a table that is wanted."""
    return {column.name: column.type.compile(connection.dialect).lower() for column in table.columns}


def _drop(
    connection: sql.Connection, ask: Callable[..., Sequence[Any]], schema: str, names: set[str]
) -> None:
    """Drop tables, unless somebody's views show them."""
    if not names:
        return
    views = ask(
        "SELECT DISTINCT v.oid::regclass::text FROM pg_depend JOIN pg_rewrite r ON r.oid = objid"
        " JOIN pg_class v ON v.oid = ev_class WHERE refclassid = 'pg_class'::regclass AND v.oid <> refobjid"
        f" AND refobjid IN (SELECT c.oid {_HELD} AND relname = ANY(:names)) ORDER BY 1",
        names=sorted(names),
    )
    if views:
        raise OutputExistsError("schema-used", schema=schema, names=", ".join(view for (view,) in views))
    for name in sorted(names):
        _execute(connection, f"DROP TABLE {_quoted(schema)}.{_quoted(name)}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _table(sa: Any, metadata: sql.MetaData, table: Table, crs: str, lang: str) -> sql.Table:
    """A table with a key, its columns with label and meaning as comments, indexes on its places and ids."""
    from geoalchemy2 import Geometry

    types = {"b": sa.Boolean, "i": sa.BigInteger, "f": sa.Double, "M": sa.Date, "O": sa.Text}
    columns = [sa.Column(KEY, sa.Integer, primary_key=True, autoincrement=False)]
    for held in table.fields:
        words = [held.label(lang), held.meaning(lang)]
        comment = " — ".join(word for word in words if word)
        kind, linked = types[held.values.dtype.kind], held.name in LINKS
        columns.append(sa.Column(_name(held.name), kind, comment=comment, index=linked))
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

"""MLflow's database as rows: an SQLite file with what Python brings, any other with SQLAlchemy."""

import contextlib
import os
import pathlib
import sqlite3

from model import Failure

SQLITE = "sqlite:///"


@contextlib.contextmanager
def opened(name):
    """`name` is a path or an SQLAlchemy URL. It is only read."""
    if "://" in name and not name.startswith(SQLITE):
        with _with_sqlalchemy(name) as database:
            yield database
        return
    path = pathlib.Path(name.removeprefix(SQLITE)).absolute()
    if not path.is_file():
        raise Failure(f"there is no file {path}")
    connection = None
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
        # A name in another encoding is to be reported, not to end everything.
        connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        connection.execute("BEGIN")  # one moment, also while MLflow writes
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        yield Database(tables, lambda sql: connection.execute(sql).fetchall())
    except sqlite3.DatabaseError as error:
        raise Failure(f"{path} could not be read: {error}") from error
    finally:
        if connection:
            connection.close()


@contextlib.contextmanager
def _with_sqlalchemy(url):
    try:
        import sqlalchemy
    except ImportError:
        raise Failure(
            "this database is read with SQLAlchemy, which this Python lacks: pip install sqlalchemy and the database's "
            "driver (psycopg2-binary, pymysql), or name a Python that has them: make import PYTHON=path/to/python DB=..."
        ) from None
    try:
        engine = sqlalchemy.create_engine(url)
        with engine.connect() as connection:
            tables = set(sqlalchemy.inspect(connection).get_table_names())
            yield Database(tables, lambda sql: connection.execute(sqlalchemy.text(sql)).fetchall())
        engine.dispose()
    except (ImportError, sqlalchemy.exc.SQLAlchemyError) as error:
        # Not the URL, which holds a password.
        raise Failure(f"the database could not be read: {error}") from error


class Database:
    def __init__(self, tables, query):
        self.tables = tables
        self._query = query

    def rows(self, table, columns):
        """Ordered, so that two runs say the same; no rows if there is no such table."""
        if table not in self.tables:
            return []
        return [tuple(row) for row in self._query(f"SELECT {columns} FROM {table} ORDER BY {columns}")]


def create(path, script, inserts):
    """A new SQLite file, complete or not there at all; only its owner may read the hashes."""
    path = pathlib.Path(path.removeprefix(SQLITE)).absolute()
    if path.exists():
        raise Failure(f"{path} exists already, and nothing is overwritten")
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        with contextlib.closing(sqlite3.connect(unfinished)) as connection, connection:
            connection.executescript(script)
            for statement, rows in inserts:
                connection.executemany(statement, rows)
        unfinished.rename(path)
    except OSError as error:
        raise Failure(f"{path} could not be written: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)

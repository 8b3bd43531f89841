"""Read a table whatever it is written in: CSV with any separator, ECSV, JSON."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections import Counter
from pathlib import Path

import pandas as pd

from solarsynth.errors import SolarsynthError, first_line, shown
from solarsynth.observations import web

#: Names that a column of times may have.
TIME_NAMES = ("time", "time_tag", "date", "timestamp", "datetime", "time_utc", "t")

_SEPARATORS = (",", ";", "\t", "|")


def read_text(path: Path) -> str:
    """Return the text of a file, unpacked if it is gzip.

    Raises
    ------
    SolarsynthError
        If the file cannot be read, is cut off or is a web page.
    """
    try:
        body = path.read_bytes()
        if body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
    except FileNotFoundError:
        raise SolarsynthError(f"{path}: no such file") from None
    except (OSError, EOFError, zlib.error) as error:
        raise SolarsynthError(f"{path}: not a readable CSV or JSON ({first_line(error)})") from None
    if web.looks_like_html(body):
        raise SolarsynthError(f"{path}: a web page, not a table; fetch it again")
    if b"\0" in body[:4096]:
        raise SolarsynthError(f"{path}: not a readable CSV or JSON (it is no text)")
    # Free texts of HEK hold bytes that are not UTF-8; they are in columns that nobody reads here.
    return body.decode("utf-8-sig", errors="replace")


def read_table(path: Path, text: str | None = None) -> pd.DataFrame:
    """Read a table; its columns keep their names, in small letters and without spaces.

    Parameters
    ----------
    path : Path
        CSV with commas, semicolons, tabs or bars, ECSV, or JSON: rows, ``{"result": rows}`` as HEK answers, a list
        whose first row holds the names, or a column per name. ``.gz`` is unpacked.
    text : str, optional
        What is in the file, if it has been read before.

    Returns
    -------
    DataFrame
        A first column without a name is called ``time``: so pandas writes the index of sunpy's time series. If it holds
        whole numbers and another column is named as times are, it is called "": so pandas writes the rows' numbers.

    Raises
    ------
    SolarsynthError
        If the file is unusable.
    """
    text = read_text(path) if text is None else text
    if text.lstrip()[:1] in ("{", "["):
        table = _of_json(path, text)
    else:
        try:
            table = _of_csv(text)
        except (ValueError, OSError, EOFError) as error:
            raise SolarsynthError(f"{path}: not a readable CSV ({first_line(error)})") from None
    names = [str(name).strip().lower().replace(" ", "_") for name in table.columns]
    if names and (names[0].startswith("unnamed:") or not names[0]):
        counts = pd.api.types.is_integer_dtype(table.iloc[:, 0].dtype) and not set(TIME_NAMES).isdisjoint(names)
        names[0] = "" if counts or "time" in names else "time"
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise SolarsynthError(f"{path}: the column {shown(repeated[0])} stands in it more than once")
    table.columns = names
    return table


def _of_csv(text: str) -> pd.DataFrame:
    lines = text.splitlines(keepends=True)
    first = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    head, comments = lines[first] if first < len(lines) else "", "".join(lines[:first])
    separator = max(_SEPARATORS, key=head.count)
    if "%ECSV" in comments and not head.count(separator):
        separator = " "
    return pd.read_csv(io.StringIO("".join(lines[first:])), sep=separator, skipinitialspace=separator != "\t")


def _of_json(path: Path, text: str) -> pd.DataFrame:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise SolarsynthError(f"{path}: not readable JSON, perhaps cut off ({first_line(error)})") from None
    if isinstance(found, dict):
        found = found.get("result", found)
    try:
        if isinstance(found, list) and found and isinstance(found[0], list):
            return pd.DataFrame(found[1:], columns=found[0])
        table = pd.DataFrame(found)
    except (ValueError, TypeError) as error:
        raise SolarsynthError(f"{path}: the JSON holds no table ({first_line(error)})") from None
    if table.empty:
        raise SolarsynthError(f"{path}: the JSON holds no rows")
    return table


def choose(
    path: Path, table: pd.DataFrame, columns: dict[str, tuple[str, ...]], required: tuple[str, ...]
) -> pd.DataFrame:
    """Return the columns under our names; for each the first of its names that the table has.

    Raises
    ------
    SolarsynthError
        If there is none for a required column.
    """
    found = {}
    for ours, theirs in columns.items():
        name = next((name for name in theirs if name in table), None)
        if name is not None:
            found[ours] = table[name]
        elif ours in required:
            has = shown(", ".join(table)) if len(table.columns) else "none"
            raise SolarsynthError(f"{path}: no column for the {ours} (looked for {', '.join(theirs)}; has {has})")
    return pd.DataFrame(found, index=table.index)


def numbers(path: Path, column: pd.Series, name: str) -> pd.Series:
    """Return a column of numbers or of true and false as float64.

    Raises
    ------
    SolarsynthError
        If a cell is text or empty; the line names the column, the row and the first such value.
    """
    as_text = column.astype(str).str.strip().str.lower()
    values = pd.to_numeric(as_text.replace({"true": "1", "false": "0"}), errors="coerce")
    if values.isna().any():
        row = int(values.isna().to_numpy().argmax())
        value = column.iloc[row]
        got = "an empty cell" if pd.isna(value) or not str(value).strip() else shown(value)
        raise SolarsynthError(
            f"{path}: the column {name!r} must hold numbers, or true and false; got {got} in row {row + 1} "
            f"({int(values.isna().sum())} of {len(values)} are unreadable); mend or remove the column"
        )
    return values

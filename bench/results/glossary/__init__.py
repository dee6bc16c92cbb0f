"""What the words and the columns of CSV files mean; `tox -e docs` makes a page of it."""

from bench.results.glossary.files import GLOSSARY, WHERE
from bench.results.glossary.verdicts import VERDICTS
from bench.results.glossary.words import WORDS

__all__ = ["GLOSSARY", "VERDICTS", "WHERE", "WORDS", "named"]


def named(file: str) -> tuple[str, ...]:
    """Return the columns of a file that stand for themselves, in their order.

    Args:
        file: As `GLOSSARY` calls it.
    """
    return tuple(column for column in GLOSSARY[file] if not _stands_for_many(column))


def _stands_for_many(column: str) -> bool:
    return column.split("_")[0].isupper()

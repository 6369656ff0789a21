"""Read a tokenizer from a file that anybody may have edited, and turn panics of its library into errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenizers import Tokenizer


def read_tokenizer(path: Path) -> Tokenizer:
    """Return the tokenizer in a file. Raises ValueError with one line if there is none that works."""
    try:
        with panics_as_errors():
            tokenizer = Tokenizer.from_file(str(path))
            tokenizer.encode("a")  # a template that names unknown tokens fails only here
    except Exception as error:  # the library documents none
        reason = " ".join(str(error).split())
        raise ValueError(f"{path.name} is not a tokenizer that works ({reason})") from None
    return tokenizer


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """Raise RuntimeError for a panic of the library, which is written in Rust: a panic is no Exception in Python."""
    try:
        yield
    except (Exception, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as panic:
        raise RuntimeError(f"the tokenizer failed: {panic}") from None

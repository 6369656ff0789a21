"""Read a tokenizer from a file that anybody may have edited."""

from pathlib import Path

from tokenizers import Tokenizer


def read_tokenizer(path: Path) -> Tokenizer:
    """Return the tokenizer in a file. Raises ValueError with one line if there is none that works."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.encode("a")  # a template that names unknown tokens fails only here
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the library, which is written in Rust, is no Exception
        reason = " ".join(str(error).split())
        raise ValueError(f"{path.name} is not a tokenizer that works ({reason})") from None
    return tokenizer

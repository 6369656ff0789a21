"""Words for what is wrong with JSON, without a word of the JSON itself: it may be a tweet."""

import json


def json_error(error: ValueError | RecursionError) -> str:
    """Return the fault that the parser found and its place, the number of a character from 0."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.removesuffix(' at')} at character {error.pos}"  # some texts of the parser end in "at"
    return "invalid number"


def json_type(value: object) -> str:
    """Return the name of a parsed value's JSON type, such as "list"."""
    names = {list: "list", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), "object")

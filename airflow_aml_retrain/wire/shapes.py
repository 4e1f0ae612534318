"""
What a JSON value looks like, told without any of its values.

Law: an answer that we do not understand may hold keys and SAS tokens, so a message about it
names its members and its types, and nothing that stands in them.
"""


def shape_of(value: object) -> str:
    """Describe *value*, as in "an object with Id, Name" or "a list of 3"."""
    match value:
        case dict():
            return f"an object with {', '.join(map(str, value)) or 'no members'}"
        case list():
            return f"a list of {len(value)}"
        case None:
            return "null"
        case _:
            return f"a {type(value).__name__}"

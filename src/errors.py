"""Floor 0. The one exception that is meant for people."""


class UserError(ValueError):
    """Something a person gave is wrong; the message is one line: value, place, what would work, cure."""

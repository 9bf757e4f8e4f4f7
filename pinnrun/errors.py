"""The one exception a user's mistake raises: the command line prints its text and leaves with exit code 2."""


class UserError(Exception):
    """Something the person at the keyboard can mend; the message says what is wrong, where, and what to do."""

"""What a provider says in place of an answer, as the errors that an action sees.

Pure.
"""


class Refused(Exception):
    """The provider says no, and nothing happened. A fit for `definite=`."""


class AnswerLost(ConnectionError):
    """The provider did it, and its answer was lost on the way: the caller cannot know."""


class KeyReused(Exception):
    """This key was sent before with another request, and is refused.

    It is no `Refused`: what the key was first sent for may well have happened.
    """


class NotAskable(Exception):
    """This provider cannot be asked what it did."""

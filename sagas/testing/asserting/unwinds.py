"""That a saga was unwound: everything undone, in the expected order."""

from collections.abc import Iterator, Sequence

from sagas.entries import Compensated, Ended
from sagas.fold import fold
from sagas.model import Status
from sagas.state import Phase
from sagas.testing.asserting.subjects import HasHistory, history_of
from sagas.testing.asserting.words import words
from sagas.testing.history import History


def assert_unwound(subject: History | HasHistory, *, order: Sequence[str] | None = None) -> None:
    """A saga ended compensated, and each of its effects was undone.

    Args:
        subject: A history, or what has one.
        order: The names of the undone actions, or their paths, in the order in which they were
            undone: all of them. In any order if left out.

    Raises:
        AssertionError: It ended otherwise, something was not undone, or in another order.
        TypeError: The subject has no history.
    """
    __tracebackhide__ = True
    history = history_of(subject)
    ended = next((item for _, item in reversed(list(history.of(Ended)))), None)
    left = list(_left(history))
    if left:
        raise AssertionError(f"{history.saga_id} did not undo {', '.join(left)}")
    if ended is None or ended.status != Status.COMPENSATED:
        how = "has not ended" if ended is None else f"ended {ended.status}: {ended.reason}"
        raise AssertionError(f"{history.saga_id} {how}")
    undone = [item for _, item in history.of(Compensated)]
    matched = order is None or (
        len(order) == len(undone)
        and all(name in words(item) for name, item in zip(order, undone, strict=True))
    )
    if not matched:
        raise AssertionError(
            f"{history.saga_id} was undone in another order\n"
            f"  expected  {', '.join(order or ()) or 'nothing'}\n"
            f"  recorded  {', '.join(item.path for item in undone) or 'nothing'}"
        )


def _left(history: History) -> Iterator[str]:
    """The paths of steps whose effect may still be there."""
    for step in fold(history.saga_id, history.timed).steps.values():
        if not step.reversibility.has_effect or step.undo.phase is Phase.SUCCEEDED:
            continue
        if step.may_have_happened or step.forward.phase is Phase.WAIVED:
            yield step.path

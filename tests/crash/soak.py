"""`python -m tests.crash.soak SECONDS`: the ring in its long form, round after round, for a time.

Before it, for a part of the time, correct sagas are explored with one seed after the other.

Each round has a seed and an order of its own, so that no test is always the last. In the end the
trials of all rounds are added up, and whatever went wrong is named with its seed.

Touches: processes, the terminal.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import count
from pathlib import Path

from examples.processes import ROOT

DEFAULT_SECONDS = 600.0
SHARES = 30
"""Into how many parts the time is divided: one test has no more of it in a round."""

EXPLORED = 0.25
"""The part of the time that goes to exploring correct sagas with many seeds."""

SHORTEST_SHARE_SECONDS = 10.0
FIRST_SEED = 20270301
NOTHING_COLLECTED = 5


def main(arguments: list[str]) -> int:
    """Soak for as many seconds; 1 if anything was wrong."""
    seconds = float(arguments[0]) if arguments else DEFAULT_SECONDS
    until = time.time() + seconds
    tally: Counter[str] = Counter()
    wrong = explore(until=time.time() + EXPLORED * seconds)
    for number in count():
        if number and time.time() > until:
            break
        seed = FIRST_SEED + number
        print(f"round {number + 1}, seed {seed}, {max(until - time.time(), 0):.0f} s left")
        trials, failures = play(seed, until, seconds)
        tally.update(trials)
        wrong += [f"seed {seed}: {failure}" for failure in failures]
    report(tally, wrong)
    return 1 if wrong else 0


def explore(until: float) -> list[str]:
    """Explore correct sagas, seed after seed, where nothing may be found; what was."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/testing/test_no_false_alarm.py", "-q", "-rfE"],
        check=False,
        cwd=ROOT,
        env={**os.environ, "SAGAS_SOAK": "1", "SAGAS_SOAK_UNTIL": str(until)},
    )
    return [] if done.returncode == 0 else ["something was found in a correct saga: see above"]


def play(seed: int, until: float, seconds: float) -> tuple[dict[str, int], list[str]]:
    """One round: how many trials of each kind there were, and what failed."""
    with tempfile.TemporaryDirectory() as directory:
        told = Path(directory) / "tally.json"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "tests/crash", "-q", "-rfE", "--durations=3"],
            check=False,
            cwd=ROOT,
            env={
                **os.environ,
                "SAGAS_SOAK": "1",
                "SAGAS_SOAK_UNTIL": str(until),
                "SAGAS_SOAK_SHARE": str(max(seconds / SHARES, SHORTEST_SHARE_SECONDS)),
                "SAGAS_SOAK_TALLY": str(told),
                "SAGAS_SEED": str(seed),
            },
        )
        if not told.exists():
            return {}, [f"the round ended with {done.returncode}"]
        found = json.loads(told.read_text())
    failures: list[str] = found["failures"]
    if done.returncode not in (0, 1, NOTHING_COLLECTED):
        failures.append(f"the round ended with {done.returncode}")
    return found["trials"], failures


def report(tally: Counter[str], wrong: list[str]) -> None:
    """Say what was tried, and what was wrong."""
    print(f"\n{'trials':>8}")
    for name, number in sorted(tally.items()):
        print(f"{number:>8}  {name}")
    print(f"\n{len(wrong)} violations")
    for line in wrong:
        print(f"  {line}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

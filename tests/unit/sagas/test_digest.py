"""The handler digest changes with what is done or undone, and with nothing else."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sagas import Catalog
from sagas.authoring.digest import HandlerDigest, digest_of

CODE = '''
from datetime import timedelta
from sagas import Catalog, Residue, Retry, Reversibility

class NoRoom(Exception): ...

travel = Catalog("travel")
PREFIX = "H"

@travel.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=timedelta(hours=24))
async def book_hotel(city: str, nights: int = 1) -> str:
    """Reserve a room."""
    booked = f"{PREFIX}-{city!r:>9}-{nights=}"
    return booked

@book_hotel.compensation(residue="a fee")
async def cancel_hotel(city: str, result: str) -> Residue | None:
    kinds = {"a", "b", "c"}
    return None if city in kinds else Residue(result)

@book_hotel.probe(lag=timedelta(seconds=2))
async def find_hotel(city: str) -> str | None:
    return None
'''

Digest = Callable[..., HandlerDigest]


def load(path: Path) -> Catalog:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    catalog: Catalog = module.travel
    return catalog


def digest_in(catalog: Catalog) -> HandlerDigest:
    (action,) = catalog.actions
    return digest_of(action)


@pytest.fixture
def digest(tmp_path: Path) -> Digest:
    """The digest of the code, with some of it replaced."""
    count = 0

    def of(*replaced: tuple[str, str], code: str = CODE) -> HandlerDigest:
        nonlocal count
        count += 1
        for old, new in replaced:
            assert old in code
            code = code.replace(old, new)
        path = tmp_path / f"travel_{count}.py"
        path.write_text(code)
        return digest_in(load(path))

    return of


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Reserve a room."""', "'''Reserve a room, or none.'''  # who knows"),
        ("    return booked", "\n    # that is all\n    return (\n        booked\n    )"),
        ("city: str, nights: int = 1", "\n    city: str,  # where\n    nights: int = 1,\n"),
        ("lag=timedelta(seconds=2)", "lag=timedelta(milliseconds=2000)"),
        ("hours=24)", "hours=24), timeout=timedelta(seconds=9), retry=Retry(attempts=5)"),
        ("cancel_hotel", "give_back"),
        ('PREFIX = "H"', 'PREFIX = "G"'),
        ('f"{PREFIX}-{', 'f"{PREFIX}" "-" f"{'),
    ],
)
def test_what_changes_no_call_changes_no_digest(digest: Digest, old: str, new: str) -> None:
    assert digest((old, new)) == digest()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return booked", "return booked.lower()"),
        ("nights: int = 1", "nights: int = 2"),
        ("{nights=}", "{nights}"),
        (":>9}", ":>8}"),
        ('"c"}', '"d"}'),
        ("return None if city in kinds", "return None if city not in kinds"),
        ("-> str | None:\n    return None", "-> str | None:\n    return city"),
        ("hours=24", "hours=23"),
        ("seconds=2", "seconds=3"),
        ('"a fee"', '"two fees"'),
        ("COMPENSATABLE", "REVERSIBLE"),
        ("hours=24)", "hours=24), definite=NoRoom"),
        ("hours=24)", "hours=24), repeatable=True"),
    ],
)
def test_what_changes_a_call_changes_the_digest(digest: Digest, old: str, new: str) -> None:
    assert digest((old, new)) != digest()


def test_a_probe_that_is_gone_changes_the_digest(digest: Digest) -> None:
    assert digest(code=CODE.partition("@book_hotel.probe")[0]) != digest()


def test_the_function_below_a_decorator_counts(digest: Digest) -> None:
    wrapping = CODE.replace("from datetime", "import functools\nfrom datetime").replace(
        "async def book_hotel",
        "@(lambda fn: functools.wraps(fn)(lambda *args, **kwargs: fn(*args, **kwargs)))\n"
        "async def book_hotel",
    )
    assert digest(code=wrapping) != digest(("return booked", "return city"), code=wrapping)


def test_a_predicate_for_definite_errors_counts(digest: Digest) -> None:
    def telling(text: str) -> HandlerDigest:
        return digest(("hours=24)", f"hours=24), definite=lambda error: {text}"))

    assert telling("error.args == (1,)") == telling("error.args == (1,)")
    assert telling("error.args == (1,)") != telling("error.args == (2,)")


def test_a_function_in_a_function_may_hold_text_at_the_margin(digest: Digest) -> None:
    inner = CODE.replace("return booked", 'return """\nat the margin\n"""')
    nested = "def make():\n" + inner.replace("\n", "\n    ").replace("    at the", "at the")
    nested += "\n    return travel\ntravel = make()\n"
    assert digest(code=nested).without_source == ()
    assert digest(code=nested) != digest(("at the margin", "elsewhere"), code=nested)


def without_source(code: str, name: str) -> HandlerDigest:
    namespace: dict[str, object] = {"__name__": name}
    exec(compile(code, name, "exec"), namespace)  # noqa: S102  as an interpreter does what is typed
    catalog = namespace["travel"]
    assert isinstance(catalog, Catalog)
    return digest_in(catalog)


def test_without_its_source_a_function_counts_by_its_code_and_the_digest_says_so() -> None:
    first = without_source(CODE, "<typed>")
    assert first.without_source == ("book_hotel", "cancel_hotel", "find_hotel")
    assert first.kind == f"code-1-py{sys.version_info.major}.{sys.version_info.minor}"
    assert first == without_source(CODE, "<typed again>")
    assert first != without_source(CODE.replace('"c"}', '"d"}'), "<typed>")


def test_other_processes_come_to_the_same_digest(digest: Digest, tmp_path: Path) -> None:
    here = {digest().text, without_source(CODE, "<typed>").text}
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.unit.sagas import test_digest as test\n"
        "print(test.digest_in(test.load(Path(sys.argv[1]))).text)\n"
        "print(test.without_source(test.CODE, '<typed>').text)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "travel_1.py")],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert set(done.stdout.split()) == here


def test_the_digest_of_a_known_text_stays_what_it_was(digest: Digest) -> None:
    """Recorded drills name it: whoever changes the rules gives the digest another kind."""
    assert digest().text == (
        "source-1:24477a172950151f9cf58add3fc48b9269a55894de66879fdfbf888bf691d8f8"
    )

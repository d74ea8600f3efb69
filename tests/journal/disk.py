"""A disk that loses power: everything SQLite does to its files is recorded, and played back in part.

SQLite is handed a file system of its own making (a VFS), which passes everything on to the usual
one and writes down what was written, cut off and synced. What a disk may hold after a loss of power
is then known: of each file everything before its last sync, and of the rest any part, torn or whole.

The layouts are those of SQLite's C interface: https://sqlite.org/c3ref/vfs.html and
https://sqlite.org/c3ref/io_methods.html.

Touches: the process's SQLite library.
"""

import _sqlite3
import ctypes
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

SECTOR = 512

_OPEN = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.POINTER(ctypes.c_int),
)
_DELETE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_WRITE = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("longest_name", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("open", ctypes.c_void_p),
        ("delete", ctypes.c_void_p),
        ("others", ctypes.c_void_p * 14),
    )


class _Methods(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("close", ctypes.c_void_p),
        ("read", ctypes.c_void_p),
        ("write", ctypes.c_void_p),
        ("truncate", ctypes.c_void_p),
        ("sync", ctypes.c_void_p),
        ("others", ctypes.c_void_p * 13),
    )


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes that were written."""

    file: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """A file that was made shorter."""

    file: str
    size: int


@dataclass(frozen=True, slots=True)
class Removal:
    """A file that was removed; SQLite syncs the directory with the next file that it makes."""

    file: str


@dataclass(frozen=True, slots=True)
class Sync:
    """A file of which everything so far is on the disk."""

    file: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What the journal has told its caller by now."""

    appends: int


Event = Write | Cut | Removal | Sync | Acknowledged


@dataclass
class Recorder:
    """What was done to the files, in order; `recording` fills it."""

    events: list[Event] = field(default_factory=list[Event])

    def acknowledged(self) -> None:
        """One more append was answered."""
        told = sum(isinstance(event, Acknowledged) for event in self.events)
        self.events.append(Acknowledged(told + 1))

    @property
    def moments(self) -> list[int]:
        """Between which events the power may go: before any write, cut or sync, and at the end."""
        changes = [n for n, event in enumerate(self.events) if not isinstance(event, Acknowledged)]
        return [*changes, len(self.events)]

    def told_before(self, moment: int) -> int:
        """How many appends were answered by then."""
        return sum(isinstance(event, Acknowledged) for event in self.events[:moment])

    def disk(self, moment: int, chance: Random) -> dict[str, bytes]:
        """What the files may hold if the power goes then."""
        past = self.events[:moment]
        files = {event.file: bytearray() for event in past if not isinstance(event, Acknowledged)}
        for file, content in files.items():
            last_sync = max(
                (n for n, each in enumerate(past) if isinstance(each, Sync)), default=-1
            )
            synced = max(
                (n for n, each in enumerate(past) if _is_safe(each, file, n < last_sync)),
                default=-1,
            )
            for number, event in enumerate(past):
                if getattr(event, "file", None) != file:
                    continue
                if number <= synced:
                    _apply(content, event)
                else:
                    _apply_in_part(content, event, chance)
        return {file: bytes(content) for file, content in files.items()}


def _is_safe(event: Event, file: str, is_synced: bool) -> bool:
    """Whether everything that was done to the file so far is on the disk for good."""
    match event:
        case Sync(synced):
            return synced == file
        case Removal(removed):
            return removed == file and is_synced
        case _:
            return False


def _apply(content: bytearray, event: Event) -> None:
    match event:
        case Write(_, offset, data):
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(data)] = data
        case Cut(_, size):
            del content[size:]
        case Removal():
            content.clear()
        case _:
            pass


def _apply_in_part(content: bytearray, event: Event, chance: Random) -> None:
    """What was not synced is there, or not, or in part, whatever came before or after it."""
    fate = chance.random()
    if fate < 0.4:
        _apply(content, event)
    elif fate < 0.7 and isinstance(event, Write):
        sectors = range(0, len(event.data), SECTOR)
        for start in chance.sample(sectors, chance.randint(0, len(sectors))):
            part = event.data[start : start + SECTOR]
            _apply(content, Write(event.file, event.offset + start, part))


@contextmanager
def recording() -> Generator[Recorder]:
    """Record what every connection that is opened meanwhile does to its files."""
    recorder = Recorder()
    library: Any = ctypes.CDLL(
        getattr(_sqlite3, "__file__", None)
    )  # its symbols include those of what it needs
    library.sqlite3_vfs_find.restype = ctypes.c_void_p
    library.sqlite3_vfs_find.argtypes = [ctypes.c_char_p]
    library.sqlite3_vfs_register.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.sqlite3_vfs_unregister.argtypes = [ctypes.c_void_p]
    usual = library.sqlite3_vfs_find(None)
    shim = _Shim(recorder, usual)
    assert library.sqlite3_vfs_register(ctypes.addressof(shim.vfs), 1) == 0
    try:
        yield recorder
    finally:
        library.sqlite3_vfs_unregister(ctypes.addressof(shim.vfs))
        library.sqlite3_vfs_register(usual, 1)
        _KEPT.append(shim)  # a connection that is still open may call it


_KEPT: list["_Shim"] = []


class _Shim:
    """The usual VFS, with three of its files' methods and `open` replaced."""

    def __init__(self, recorder: Recorder, usual: int) -> None:
        self._recorder = recorder
        self._names: dict[int, str] = {}
        self._methods: dict[int, _Methods] = {}
        self.vfs = _Vfs.from_buffer_copy((ctypes.c_char * ctypes.sizeof(_Vfs)).from_address(usual))
        self.vfs.name = b"recording"
        self._open_usually = _OPEN(self.vfs.open)
        self._open = _OPEN(self._opened)
        self.vfs.open = ctypes.cast(self._open, ctypes.c_void_p).value
        self._delete_usually = _DELETE(self.vfs.delete)
        self._delete = _DELETE(self._deleted)
        self.vfs.delete = ctypes.cast(self._delete, ctypes.c_void_p).value

    def _deleted(self, vfs: int, name: int, syncs: int) -> int:
        code: int = self._delete_usually(vfs, name, syncs)
        if code == 0:
            file = Path(ctypes.string_at(name).decode()).name
            self._recorder.events.append(Removal(file))
            if syncs:
                self._recorder.events.append(Sync(file))
        return code

    def _opened(self, vfs: int, name: int, file: int, flags: int, out: Any) -> int:
        code: int = self._open_usually(vfs, name, file, flags, out)
        methods = ctypes.c_void_p.from_address(file)
        if code == 0 and name and methods.value is not None:
            self._names[file] = Path(ctypes.string_at(name).decode()).name
            methods.value = ctypes.addressof(self._recording(methods.value))
        return code

    def _recording(self, usual: int) -> _Methods:
        if usual not in self._methods:
            source = (ctypes.c_char * ctypes.sizeof(_Methods)).from_address(usual)
            self._methods[usual] = self._replaced(_Methods.from_buffer_copy(source))
        return self._methods[usual]

    def _replaced(self, methods: _Methods) -> _Methods:
        write, truncate = _WRITE(methods.write), _TRUNCATE(methods.truncate)
        sync, note = _SYNC(methods.sync), self._recorder.events.append

        def writing(file: int, data: int, length: int, offset: int) -> int:
            code: int = write(file, data, length, offset)
            note(Write(self._names[file], offset, ctypes.string_at(data, length)))
            return code

        def cutting(file: int, size: int) -> int:
            code: int = truncate(file, size)
            note(Cut(self._names[file], size))
            return code

        def syncing(file: int, flags: int) -> int:
            code: int = sync(file, flags)
            note(Sync(self._names[file]))
            return code

        kept = (_WRITE(writing), _TRUNCATE(cutting), _SYNC(syncing))
        methods.write, methods.truncate, methods.sync = (
            ctypes.cast(each, ctypes.c_void_p).value for each in kept
        )
        self._keep = (*getattr(self, "_keep", ()), *kept)
        return methods

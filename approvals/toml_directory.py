"""People and groups from a TOML file.

::

    [users.ana]
    display = "Ana Lima"      # optional: how she is shown, her name otherwise
    login = "alima"           # optional: her operating-system user, her name otherwise
    token_sha256 = "9f86..."  # optional: SHA-256 of her token, in hexadecimal
    sub = "248289761001"      # optional: what the provider of log-ins calls her
    email = "ana@example.org" # optional: her address, as the provider knows it
    slack = "T0123/U0456"     # optional: her workspace or organization in Slack, and her id there

    [groups]
    travel-desk = ["ana", "ben"]

    [roles]                   # asked for as "@role:payer"
    payer = ["ana", "@travel-desk"]

A key that is not known, a member who is not a user, and a login, a token, a sub, an address or a
Slack id that two users share are errors. Touches: the file.
"""

import hashlib
import hmac
import tomllib
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from approvals.errors import DirectoryError
from approvals.names import GROUP_MARK, ROLE_MARK, SLACK_MARK, fault_of_name
from approvals.principal import Principal

__all__ = ["TomlDirectory"]

_MOST_KEPT: Final = 8


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


_OF_SLACK = r"^[TE][A-Z0-9]{1,30}/[UW][A-Z0-9]{1,30}$"

_Filled = Annotated[str, Field(min_length=1)]


class _User(_Stored):
    display: _Filled | None = None
    login: _Filled | None = None
    token_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    sub: _Filled | None = None
    email: _Filled | None = None
    slack: Annotated[str, Field(pattern=_OF_SLACK)] | None = None


class _File(_Stored):
    users: dict[str, _User] = {}
    groups: dict[str, list[str]] = {}
    roles: dict[str, list[str]] = {}


@dataclass(frozen=True, slots=True)
class TomlDirectory:
    """People and groups as a file named them when it was loaded.

    It is a snapshot: load it again for each decision, and a change in the file counts at once.
    """

    source: str
    """The path of the file."""
    _users: Mapping[str, _User]
    _groups: Mapping[str, frozenset[str]]

    @classmethod
    def load(cls, path: str | Path) -> "TomlDirectory":
        """Read the file at `path`.

        Raises:
            DirectoryError: The file cannot be read, or says something that cannot be right.
        """
        return _directory(_read(Path(path)), str(path))

    def principal(self, operating_system_user: str) -> Principal | None:
        """Identify the person who logs in as this user, or None."""
        for name, user in self._users.items():
            if _login(name, user) == operating_system_user:
                return self._principal(name, f"operating-system user {operating_system_user}")
        return None

    def authenticate(self, name: str, token: str) -> Principal | None:
        """Identify the person of this name by their token, or None.

        The token's digest is compared in constant time.
        """
        user = self._users.get(name)
        stored = user.token_sha256 if user else None
        given = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        if stored is None or not hmac.compare_digest(stored, given):
            return None
        return self._principal(name, f"token of {name}")

    def identified(self, claim: str, value: str) -> Principal | None:
        """Identify the one person whose `sub`, `email`, `slack` or `slack-email` this is, or None.

        Addresses are compared without regard to the case of ASCII's letters.
        """
        says = _CLAIMS.get(claim)
        if says is None:
            return None
        found = [name for name, user in self._users.items() if says(user, value)]
        return self._principal(found[0], f"{claim} {value}") if len(found) == 1 else None

    def members(self, group: str) -> frozenset[str]:
        """The people in a group, by name; nobody is in a group that is not known."""
        return self._groups.get(group, frozenset())

    def groups_of(self, name: str) -> frozenset[str] | None:
        """The groups a person is in, or None where the person is not known."""
        if name not in self._users:
            return None
        return frozenset(group for group, members in self._groups.items() if name in members)

    def _principal(self, name: str, evidence: str) -> Principal:
        return Principal(
            name=name,
            display=self._users[name].display or name,
            groups=self.groups_of(name) or frozenset(),
            evidence=evidence,
        )


@lru_cache(maxsize=_MOST_KEPT)
def _directory(content: bytes, source: str) -> TomlDirectory:
    """What these bytes say; a file is read for each decision, and understood when it has changed."""
    stored = _parse(_toml(content, source), source)
    _check(stored, source)
    groups = {group: frozenset(members) for group, members in stored.groups.items()}
    groups |= {f"{ROLE_MARK}{role}": _holders(of, groups) for role, of in stored.roles.items()}
    return TomlDirectory(source, stored.users, groups)


def _holders(named: Iterable[str], groups: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Everyone who has a role, by name or through a group."""
    people = {name for name in named if not name.startswith(GROUP_MARK)}
    return frozenset(people).union(
        *(groups[name.removeprefix(GROUP_MARK)] for name in named if name.startswith(GROUP_MARK))
    )


def _address(user: _User) -> str | None:
    return None if user.email is None else _low(user.email)


def _low(address: str) -> str:
    # beyond ASCII, letters of different addresses fold to the same ones
    return address.lower() if address.isascii() else address


_CLAIMS: Mapping[str, Callable[[_User, str], bool]] = {
    "sub": lambda user, value: user.sub == value,
    "email": lambda user, value: _address(user) == _low(value),
    "slack": lambda user, value: user.slack == value,
    "slack-email": lambda user, value: user.slack is None and _address(user) == _low(value),
}


def _login(name: str, user: _User) -> str:
    return user.login or name


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DirectoryError(
            f"{path}: the directory cannot be read ({error.strerror}); create the file, or name "
            "another"
        ) from error


def _toml(content: bytes, source: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DirectoryError(f"{source}: this is not TOML ({error}); mend the file") from error


def _parse(content: Mapping[str, object], source: str) -> _File:
    try:
        return _File.model_validate(content)
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in detail['loc'])}: {_fault(detail)}"
            for detail in error.errors(include_input=False, include_url=False)
        ]
        raise DirectoryError(f"{source}: {'; '.join(faults)}") from None


def _fault(detail: ErrorDetails) -> str:
    message = detail["msg"]
    match detail["type"]:
        case "extra_forbidden":
            return (
                "this key is not known; a file has users, groups and roles, a user has display, login, "
                "token_sha256, sub, email and slack"
            )
        case "string_pattern_mismatch" if detail["loc"][-1] == "slack":
            return (
                "this is no user of Slack; write the id of the organization or the workspace, a "
                'slash and the id of the user, such as "T0123ABCD/U0456EFGH"'
            )
        case "string_pattern_mismatch":
            return (
                "this is not a SHA-256 in lower-case hexadecimal; store the digest of the token, "
                "never the token"
            )
        case _:
            return f"{message[:1].lower()}{message[1:]}; mend the value"


def _check(stored: _File, source: str) -> None:
    _check_names("users", stored.users, source)
    _check_names("groups", stored.groups, source)
    logins = {name: _login(name, user) for name, user in stored.users.items()}
    _check_shared("login", logins, source)
    tokens = {name: user.token_sha256 for name, user in stored.users.items() if user.token_sha256}
    _check_shared("token_sha256", tokens, source)
    subs = {name: user.sub for name, user in stored.users.items() if user.sub}
    _check_shared("sub", subs, source)
    addresses = {name: _low(user.email) for name, user in stored.users.items() if user.email}
    _check_shared("email", addresses, source)
    of_slack = {name: user.slack for name, user in stored.users.items() if user.slack}
    _check_shared("slack", of_slack, source)
    _check_names("roles", stored.roles, source)
    for group, members in stored.groups.items():
        _check_members(f"groups.{group}", members, stored.users, source)
        _check_unmarked(group, source)
    for role, named in stored.roles.items():
        known = {*stored.users, *(f"{GROUP_MARK}{group}" for group in stored.groups)}
        _check_members(f"roles.{role}", named, known, source)


def _check_unmarked(group: str, source: str) -> None:
    if group.startswith(ROLE_MARK):
        raise DirectoryError(
            f"{source}: groups.{group}: {ROLE_MARK} marks a role; write it under [roles], "
            "without the mark"
        )
    if group.startswith(SLACK_MARK):
        raise DirectoryError(
            f"{source}: groups.{group}: {SLACK_MARK} marks a user group of Slack, whose members "
            "are asked for there; take it out"
        )


def _check_names(table: str, names: Iterable[str], source: str) -> None:
    for name in names:
        fault = fault_of_name(name)
        if fault is not None:
            raise DirectoryError(f"{source}: {table}.{name!r}: the name {fault}; choose another")


def _check_shared(key: str, values: Mapping[str, str], source: str) -> None:
    for value, count in Counter(values.values()).items():
        if count > 1:
            owners = ", ".join(f"users.{name}" for name, own in values.items() if own == value)
            raise DirectoryError(
                f"{source}: {owners}: they share one {key}, and could not be told apart; give "
                "each their own"
            )


def _check_members(where: str, members: Iterable[str], known: Container[str], source: str) -> None:
    for name in members:
        if name not in known:
            kind, table = ("group", "groups") if name.startswith(GROUP_MARK) else ("user", "users")
            entry = f"[{table}.{name}]" if kind == "user" else f"{name[1:]} under [groups]"
            raise DirectoryError(
                f"{source}: {where}: {name!r} is not a {kind}; add {entry}, or take the name out"
            )

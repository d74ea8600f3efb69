"""People and groups from a file, and every way in which the file can be wrong."""

import hashlib
import os
from datetime import timedelta
from pathlib import Path

import pytest

from approvals.directory import Directory, check_reachable, electorate
from approvals.errors import DirectoryError
from approvals.parties import Parties
from approvals.principal import Principal
from approvals.requirement import approval
from approvals.toml_directory import TomlDirectory
from tests.unit.approvals.builders import DESK

TOKEN = "correct horse battery staple"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
OFFICE = f"""
[users.ana]
display = "Ana Lima"
login = "alima"
token_sha256 = "{DIGEST}"

[users.ben]

[groups]
travel-desk = ["ana", "ben"]
board = ["ana"]
empty = []
"""


def load(folder: Path, text: str) -> TomlDirectory:
    file = folder / "people.toml"
    file.write_text(text, encoding="utf-8")
    return TomlDirectory.load(file)


@pytest.fixture
def office(tmp_path: Path) -> Directory:
    return load(tmp_path, OFFICE)


def test_a_person_is_identified_by_their_login(office: Directory) -> None:
    assert office.principal("alima") == Principal(
        name="ana",
        display="Ana Lima",
        groups=frozenset({"travel-desk", "board"}),
        evidence="operating-system user alima",
    )


def test_a_person_without_a_login_is_identified_by_name(office: Directory) -> None:
    assert office.principal("ben") == Principal(
        name="ben",
        display="ben",
        groups=frozenset({"travel-desk"}),
        evidence="operating-system user ben",
    )


def test_a_name_is_not_a_login_where_another_login_is_given(office: Directory) -> None:
    assert office.principal("ana") is None


def test_a_user_of_the_machine_who_is_not_in_the_file_is_nobody(office: Directory) -> None:
    assert office.principal("root") is None


def test_a_person_is_identified_by_their_token(office: Directory) -> None:
    ana = office.authenticate("ana", TOKEN)
    assert ana is not None
    assert (ana.name, ana.evidence) == ("ana", "token of ana")


@pytest.mark.parametrize("token", ["", "wrong", DIGEST, TOKEN + " ", "\ud800"])
def test_a_wrong_token_identifies_nobody(office: Directory, token: str) -> None:
    assert office.authenticate("ana", token) is None


def test_a_person_without_a_token_is_not_identified_by_one(office: Directory) -> None:
    assert office.authenticate("ben", "") is None


def test_a_name_that_is_not_in_the_file_is_not_identified_by_a_token(office: Directory) -> None:
    assert office.authenticate("zoe", TOKEN) is None


def test_a_token_is_its_owners_alone(office: Directory) -> None:
    assert office.authenticate("ben", TOKEN) is None


def test_a_group_has_its_members(office: Directory) -> None:
    assert office.members("travel-desk") == {"ana", "ben"}


def test_a_group_that_is_not_in_the_file_has_no_members(office: Directory) -> None:
    assert office.members("crew") == frozenset()


def test_a_person_is_in_their_groups(office: Directory) -> None:
    assert office.groups_of("ana") == frozenset({"travel-desk", "board"})


def test_the_groups_of_a_person_who_is_not_in_the_file_are_not_known(office: Directory) -> None:
    assert office.groups_of("zoe") is None


def test_the_people_of_a_file_are_an_electorate(office: Directory) -> None:
    assert electorate(DESK, office) == ("ana", "ben")


def test_an_empty_group_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    asked = approval(by="@empty", within=DESK.within)
    with pytest.raises(DirectoryError, match=r"@empty has no members in .*people\.toml"):
        check_reachable(asked, load(tmp_path, OFFICE), Parties(starter="ana"))


def test_an_empty_file_is_a_directory_of_nobody(tmp_path: Path) -> None:
    assert load(tmp_path, "").principal("ana") is None


def test_a_path_may_be_given_as_text(tmp_path: Path) -> None:
    load(tmp_path, OFFICE)
    assert TomlDirectory.load(str(tmp_path / "people.toml")).members("board") == {"ana"}


def test_a_change_counts_though_the_file_has_its_size_and_time_of_before(tmp_path: Path) -> None:
    path = tmp_path / "people.toml"
    path.write_text("[users.ana]\n")
    before = path.stat()
    assert TomlDirectory.load(path).groups_of("ana") is not None
    path.write_text("[users.eva]\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert TomlDirectory.load(path).groups_of("ana") is None


def test_a_file_that_has_not_changed_is_understood_once(tmp_path: Path) -> None:
    path = tmp_path / "people.toml"
    path.write_text("[users.ana]\n")
    assert TomlDirectory.load(path) is TomlDirectory.load(path)


def test_a_file_loaded_again_tells_what_has_changed(tmp_path: Path) -> None:
    load(tmp_path, OFFICE)
    changed = load(tmp_path, OFFICE.replace('["ana", "ben"]', '["ana"]'))
    assert changed.members("travel-desk") == {"ana"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[users", r"this is not TOML .*; mend the file"),
        ("[user.ana]", r"user: this key is not known; a file has users, groups and roles"),
        ('[users.ana]\nphone = "1"', r"users\.ana\.phone: this key is not known"),
        ("[users.ana]\nlogin = 7", r"users\.ana\.login: input should be a valid string; mend"),
        ('[users.ana]\nlogin = ""', r"users\.ana\.login: .*at least 1 character; mend"),
        ('[users.ana]\ntoken_sha256 = "secret"', r"users\.ana\.token_sha256: .*never the token"),
        (f'[users.ana]\ntoken_sha256 = "{DIGEST}\\n"', r"users\.ana\.token_sha256: "),
        ('users = "ana"', r"users: .*mend the value"),
        ('[users.ana]\nslack = "U0456"', r"users\.ana\.slack: .*such as \"T0123ABCD/U0456EFGH\""),
        ('[users.ana]\nslack = "T0123/ana"', r"users\.ana\.slack: this is no user of Slack"),
        ('[users.ana]\nslack = "T0123/U0456\\n"', r"users\.ana\.slack: this is no user of Slack"),
        ('[groups]\n"slack:S0123" = []', r"groups\.slack:S0123: slack: marks a user group"),
        ('[groups]\ndesk = "ana"', r"groups\.desk: input should be a valid list; mend"),
        ("[groups]\ndesk = [1]", r"groups\.desk\.0: input should be a valid string"),
        ('[groups]\ndesk = ["ana"]', r"groups\.desk: 'ana' is not a user; add \[users\.ana\]"),
        ('[users."@ana"]', r"users\.'@ana': the name begins with @"),
        ("[users.anyone]", r"users\.'anyone': the name stands for every identified person"),
        ('[groups]\n"@desk" = []', r"groups\.'@desk': the name begins with @"),
        (
            '[users.ana]\nlogin = "ben"\n[users.ben]',
            r"users\.ana, users\.ben: they share one login",
        ),
        (
            f'[users.ana]\ntoken_sha256 = "{DIGEST}"\n[users.ben]\ntoken_sha256 = "{DIGEST}"',
            r"users\.ana, users\.ben: they share one token_sha256",
        ),
    ],
)
def test_a_file_that_cannot_be_right_is_refused_with_its_key_and_the_mend(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(DirectoryError, match=rf"people\.toml: {words}"):
        load(tmp_path, text)


def test_all_wrong_keys_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(DirectoryError, match=r"users\.ana\.login: .*; users\.ana\.mail: "):
        load(tmp_path, "[users.ana]\nlogin = 7\nmail = 1")


def test_a_refused_value_is_not_repeated_in_the_message(tmp_path: Path) -> None:
    with pytest.raises(DirectoryError) as refused:
        load(tmp_path, f'[users.ana]\ntoken_sha256 = "{TOKEN}"')
    assert TOKEN not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DirectoryError, match=r"absent\.toml: the directory cannot be read"):
        TomlDirectory.load(tmp_path / "absent.toml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "people.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(DirectoryError, match=r"people\.toml: this is not TOML"):
        TomlDirectory.load(tmp_path / "people.toml")


KNOWN = """
[users.ana]
sub = "s-1"
email = "Ana@example.org"
slack = "T0123/U0456"
[users.ben]
sub = "S-1"
slack = "E0123/U0456"
"""


@pytest.mark.parametrize(
    ("claim", "value", "name"),
    [
        ("sub", "s-1", "ana"),
        ("sub", "S-1", "ben"),
        ("sub", "s-2", None),
        ("sub", "", None),
        ("email", "ana@EXAMPLE.org", "ana"),
        ("email", "ben@example.org", None),
        ("slack", "T0123/U0456", "ana"),
        ("slack", "E0123/U0456", "ben"),
        ("slack", "t0123/u0456", None),
        ("slack", "U0456", None),
        ("name", "ana", None),
    ],
)
def test_a_person_is_identified_by_what_a_provider_says_of_them(
    tmp_path: Path, claim: str, value: str, name: str | None
) -> None:
    found = load(tmp_path, KNOWN).identified(claim, value)
    assert (found.name if found else None) == name


@pytest.mark.parametrize("key", ['sub = "s"', 'email = "a@example.org"', 'slack = "T01/U02"'])
def test_two_people_whom_a_provider_could_not_tell_apart_are_an_error(
    tmp_path: Path, key: str
) -> None:
    with pytest.raises(DirectoryError, match=r"users\.ana, users\.ben: they share one"):
        load(tmp_path, f"[users.ana]\n{key}\n[users.ben]\n{key.replace('a@', 'A@')}\n")


# --- roles ---------------------------------------------------------------------------------------

ROLES = (
    OFFICE
    + """
[roles]
payer = ["@travel-desk"]
signer = ["ana", "@empty"]
"""
)


def test_a_role_is_held_by_name_and_through_groups(tmp_path: Path) -> None:
    office = load(tmp_path, ROLES)
    assert (office.members("role:payer"), office.members("role:signer")) == (
        frozenset({"ana", "ben"}),
        frozenset({"ana"}),
    )


def test_whoever_has_a_role_may_decide_where_it_is_asked_for(tmp_path: Path) -> None:
    office = load(tmp_path, ROLES)
    asked = approval(by="@role:payer", within=DESK.within)
    ben = office.principal("ben")
    assert ben is not None
    assert asked.may_approve(ben.name, ben.groups, timedelta(0))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[roles]\npayer = ["zoe"]', "roles.payer: 'zoe' is not a user"),
        ('[roles]\npayer = ["@board"]', "roles.payer: '@board' is not a group"),
        ('[roles]\n" payer" = []', "begins or ends with a space"),
        ('[groups]\n"role:payer" = []', "marks a role"),
    ],
)
def test_a_role_that_cannot_be_right_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DirectoryError, match=words):
        load(tmp_path, text)


@pytest.mark.parametrize(
    "alike", ["stra\u00dfe@example.org", "\u017ftrasse@example.org", "STRA\u1e9eE@example.org"]
)
def test_an_address_of_other_letters_is_another_address(tmp_path: Path, alike: str) -> None:
    file = tmp_path / "people.toml"
    file.write_text('[users.ana]\nemail = "Strasse@example.org"\n', encoding="utf-8")
    found = TomlDirectory.load(file)
    assert found.identified("email", alike) is None
    assert found.identified("slack-email", alike) is None
    assert found.identified("email", "sTRASSE@EXAMPLE.ORG") is not None

"""Policies as a file gives them, and what is refused there."""

from datetime import timedelta
from pathlib import Path

import pytest

from approvals.errors import ApprovalDefinitionError
from approvals.policies import Policies, policy
from approvals.requirement import approval
from approvals.toml_policies import load_policies
from reversibility import Reversibility

WHOLE = """
[[policy]]
name = "large payments"
actions = ["shop.*"]
classes = ["irreversible"]
actors = ["*-bot"]
where = ["order.amount > 1000"]
by = ["@finance"]
within = "4h"
quorum = 2
valid_for = "2d"
rejections = 1
veto = ["@legal"]
separate = true
reason_required = true
remind = ["90min"]
escalate = { "3h" = ["@leads"] }
pinned = ["order.amount"]
intent = ["order.id"]
"""
SHORT = '[[policy]]\nname = "all"\nby = ["@desk"]\nwithin = "30 s"\n'


def load(tmp_path: Path, text: str) -> Policies:
    path = tmp_path / "policies.toml"
    path.write_text(text)
    return load_policies(path)


def test_everything_that_can_be_asked_for_can_be_written(tmp_path: Path) -> None:
    hour = timedelta(hours=1)
    assert load(tmp_path, WHOLE).rules == (
        policy(
            "large payments",
            actions="shop.*",
            classes=Reversibility.IRREVERSIBLE,
            actors="*-bot",
            where="order.amount > 1000",
            asks=approval(
                by="@finance",
                within=4 * hour,
                quorum=2,
                valid_for=48 * hour,
                veto="@legal",
                separate=True,
                reason_required=True,
                remind=1.5 * hour,
                escalate={3 * hour: "@leads"},
                pinned="order.amount",
                intent="order.id",
            ),
        ),
    )


def test_what_is_left_out_is_what_code_would_leave_out(tmp_path: Path) -> None:
    asks = approval(by="@desk", within=timedelta(seconds=30))
    assert load(tmp_path, SHORT).rules == (policy("all", asks=asks),)


def test_one_text_is_a_list_of_one_as_in_code(tmp_path: Path) -> None:
    bare = WHOLE
    for text in ("shop.*", "irreversible", "order.amount > 1000", "@finance", "90min", "@leads"):
        assert f'["{text}"]' in bare
        bare = bare.replace(f'["{text}"]', f'"{text}"')
    assert load(tmp_path, bare) == load(tmp_path, WHOLE)


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ApprovalDefinitionError, match=r"quorun.*'all': vetoed"):
        load(tmp_path, SHORT + "quorun = 2\nvetoed = true\n")


def test_a_file_without_policies_has_none(tmp_path: Path) -> None:
    assert not load(tmp_path, "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[policy", "is not TOML"),
        ("[[policies]]", r"policies: this key is not known; a file has tables \[\[policy\]\]"),
        ('policy = "all"', "policy: input should be a valid list"),
        ('policy = ["all"]', "policy 1 of the file: input should be"),
        (SHORT + "quorun = 2", "the policy 'all': quorun: this key is not known; .* quorum"),
        (SHORT.replace('name = "all"\n', ""), "policy 1 of the file: name: this is not given"),
        (SHORT.replace("30 s", "soon"), "the policy 'all': within: a duration is written as"),
        (SHORT.replace('"30 s"', "30"), "a duration is written as"),
        (SHORT + 'where = ["amount"]', "the policy 'all': .* no condition"),
        (SHORT + 'classes = ["risky"]', "the policy 'all': classes.0: .*'irreversible'"),
        (SHORT + 'escalate = { "soon" = ["ana"] }', "a duration is written as"),
        (SHORT + 'remind = ["1h"]', "the policy 'all': a reminder after 1 h"),
        (SHORT + 'escalate = { "1h" = "ana" }', "the policy 'all': an escalation after 1 h"),
        (SHORT + SHORT, "called all"),
    ],
)
def test_what_cannot_be_right_is_refused_with_the_place(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(ApprovalDefinitionError, match=words):
        load(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ApprovalDefinitionError, match=r"none\.toml"):
        load_policies(tmp_path / "none.toml")

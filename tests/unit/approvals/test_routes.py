import pytest

from approvals.channels import Place, Routes
from approvals.channels.routes import Route
from approvals.errors import ChannelDefinitionError

MEMBERS = {"desk": {"ana", "bo"}, "board": {"ana", "cem"}, "nobody": set[str]()}


def to_decide(routes: Routes, *names: str) -> list[list[str]]:
    return words(routes.to_decide(names, lambda group: MEMBERS.get(group, set())))


def words(routes: list[Route]) -> list[list[str]]:
    return [[str(place) for place in route] for route in routes]


PEOPLE = Routes(
    {"ana": ["chat:A", "mail:ana@x"], "bo": ["mail:bo@x"], "@ops": ["chat:OPS"]},
    interventions=["chat:OPS"],
    otherwise=["mail:all@x"],
)


def test_a_person_is_told_where_their_route_says() -> None:
    assert to_decide(PEOPLE, "ana") == [["chat:A", "mail:ana@x", "mail:all@x"]]


def test_a_group_with_a_route_is_told_there() -> None:
    assert to_decide(PEOPLE, "@ops") == [["chat:OPS", "mail:all@x"]]


def test_the_members_of_a_group_without_a_route_are_told_each() -> None:
    assert to_decide(PEOPLE, "@desk") == [
        ["chat:A", "mail:ana@x", "mail:all@x"],
        ["mail:bo@x", "mail:all@x"],
    ]


def test_a_member_without_a_route_has_the_last_resort_told() -> None:
    assert to_decide(PEOPLE, "@board")[-1] == ["mail:all@x"]


@pytest.mark.parametrize("name", ["dora", "@nobody", "@unknown", "anyone"])
def test_whoever_has_no_route_is_told_at_the_last_resort(name: str) -> None:
    assert to_decide(PEOPLE, name) == [["mail:all@x"]]


def test_without_a_last_resort_nobody_is_told() -> None:
    assert to_decide(Routes(), "dora", "@desk") == []


def test_a_place_that_two_names_begin_with_is_told_once_and_goes_on_as_both_say() -> None:
    routes = Routes({"ana": ["chat:T", "mail:ana@x"], "bo": ["chat:T", "mail:bo@x"]})
    assert to_decide(routes, "ana", "bo") == [["chat:T", "mail:ana@x", "mail:bo@x"]]


def test_a_place_comes_once_in_a_route() -> None:
    routes = Routes({"ana": ["mail:all@x", "mail:all@x"]}, otherwise=["mail:all@x"])
    assert to_decide(routes, "ana") == [["mail:all@x"]]


def test_an_intervention_goes_where_interventions_go() -> None:
    assert words(PEOPLE.to_answer()) == [["chat:OPS", "mail:all@x"]]


def test_anyone_can_have_a_route() -> None:
    assert to_decide(Routes({"anyone": ["chat:ALL"]}), "anyone") == [["chat:ALL"]]


@pytest.mark.parametrize("text", ["ana@x", ":ana", "mail:", " : ", ""])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ChannelDefinitionError, match="no place to send to"):
        Routes(otherwise=[text])


def test_a_target_may_hold_colons() -> None:
    assert Place.of("matrix:#desk:example.org") == Place("matrix", "#desk:example.org")


@pytest.mark.parametrize("name", ["", " ana", "@", "@@desk"])
def test_a_route_of_nobody_is_refused(name: str) -> None:
    with pytest.raises(ChannelDefinitionError, match="nobody's"):
        Routes({name: ["mail:ana@x"]})

"""Who clicked, as the directory knows them; nobody else decides anything.

Touches: Slack, the directory.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from approvals import Gate, Principal
from approvals.channels.slack.actions import Sender
from approvals.channels.slack.people import Unwelcome
from approvals.errors import DirectoryError
from reversibility import Reversibility
from sagas.slack.answers import Declined, sentence
from sagas.slack.installed import Installed
from sagas.slack.office import Office

__all__ = ["check_sender", "decider_of", "identify", "is_ours"]

_FINAL = frozenset({Reversibility.IRREVERSIBLE, Reversibility.UNKNOWN})


def check_sender(sender: Sender, team: Installed) -> None:
    """Refuse what comes from another app, or from somebody of another organization.

    Whether it is really somebody of ours is asked of Slack later: this is what a click says.

    Raises:
        Declined: It does.
    """
    if sender.app != team.app:
        raise Declined(
            "This did not come from the app that is set up here, so that nothing was decided."
        )
    named = [sender.team, sender.user_team, sender.installed_team]
    if not _are_ours(named, sender.enterprise, team):
        raise Declined("You belong to another organization, whose people do not decide here.")


def is_ours(event: Mapping[str, Any], team: Installed) -> bool:
    """Whether an event is of a workspace or an organization whose people may take part."""
    return _are_ours([event.get("team_id")], event.get("enterprise_id"), team)


def _are_ours(named: Iterable[object], enterprise: object, team: Installed) -> bool:
    """Whether the organization is ours, or else every workspace is that is named, and one is."""
    ours = {*team.teams, team.team, team.enterprise} - {None}
    if isinstance(enterprise, str) and enterprise in ours:
        return True
    known = [isinstance(each, str) and each in ours for each in named if each is not None]
    return bool(known) and all(known)


async def decider_of(gate: Gate, user: str, office: Office) -> Principal:
    """Whoever is about to decide at a gate; Slack is asked now where nothing can be undone.

    Raises:
        Declined: They are nobody who decides, or that cannot be told now.
    """
    return await identify(user, office, fresh=gate.stakes.reversibility in _FINAL)


async def identify(user: str, office: Office, *, fresh: bool = False) -> Principal:
    """The person of the directory who has this user of Slack.

    Args:
        fresh: Whether Slack is asked now about the person, and not believed for a minute.

    Raises:
        Declined: There is none, or that cannot be told now.
    """
    people = office.team.people
    if fresh and people.remembers(user):
        # whoever counts for nothing anyway does not use up how often Slack may be asked
        await identify(user, office)
    person = await people.who_is(user, fresh=fresh)
    if isinstance(person, Unwelcome):
        raise Declined(person.why)
    try:
        found = people.principal(person, office.coordinator.directory)
    except DirectoryError as error:
        told = f"Nothing was decided: {sentence(str(error))} Try again in a moment."
        raise Declined(told) from error
    if isinstance(found, Unwelcome):
        raise Declined(found.why)
    return found

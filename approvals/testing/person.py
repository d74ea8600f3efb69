"""A person who works with the app in Slack: clicks, fills in, reads.

Touches: the network, loopback only.
"""

from typing import Any

from approvals.testing.changes import Changes
from approvals.testing.courier import Courier
from approvals.testing.errors import Impossible
from approvals.testing.fields import complaint, found_field, said, valued
from approvals.testing.interactions import clicked, closed, event, held, submitted
from approvals.testing.outcome import Outcome, words
from approvals.testing.payloads import Json, acting, is_object
from approvals.testing.records import Delivery
from approvals.testing.screens import placed, replaced
from approvals.testing.tenant import Refusal, Tenant
from approvals.testing.views import view_faults
from approvals.testing.workspace import Message, Profile, View

__all__ = ["Person"]

_TROUBLE = "We had some trouble connecting. Try again?"


class Person:
    """Somebody in the workspace; only what is on the screen can be clicked.

    Attributes:
        id: Such as `U1`.
    """

    def __init__(
        self,
        id: str,  # noqa: A002
        tenant: Tenant,
        courier: Courier,
        changes: Changes,
    ) -> None:
        self.id = id
        self._tenant = tenant
        self._courier = courier
        self._changes = changes

    @property
    def profile(self) -> Profile:
        """What Slack says about this person now."""
        return self._tenant.space.people[self.id]

    def change(self, **changes: Any) -> None:
        """Change what Slack says: `deleted=True`, `guest=True`, `name=`, and so on."""
        self._tenant.space.change(self.id, **changes)

    @property
    def modal(self) -> View | None:
        """The modal on top of the screen."""
        stack = self._tenant.space.stacks.get(self.id)
        return stack[-1] if stack else None

    @property
    def home(self) -> View | None:
        """The App Home, if the app has published one."""
        return self._tenant.space.homes.get(self.id)

    @property
    def ephemerals(self) -> list[str]:
        """Everything that the app has told this person alone, the oldest first."""
        told = self._tenant.space.ephemerals
        return [words(item.text, item.blocks) for item in told if item.user == self.id]

    async def click(
        self,
        where: Message | View | None,
        what: str,
        *,
        block: str | None = None,
        confirm: bool = True,
    ) -> Outcome:
        """Click a button.

        Args:
            where: A message, a modal or the App Home; None for the modal on top.
            what: The words on the button, or its action id.
            block: The id of the block that it stands in, where several are called the same.
            confirm: What is answered where the button asks again.

        Raises:
            Impossible: There is no such button on this person's screen, or more than one.
        """
        place = self._looked_at(where)
        found, button = self._found(place, what, block, buttons=True)
        if "confirm" in button and not confirm:
            return self._outcome(place)
        return await self._act(place, found, button, {})

    async def choose(
        self, where: Message | View | None, what: str, option: Any, *, block: str | None = None
    ) -> Outcome:
        """Choose in a menu that stands outside of a form; what is chosen is told at once.

        Args:
            where: A message, a modal or the App Home; None for the modal on top.
            what: The words in the menu, or its action id.
            option: The text or the value of an option.
            block: The id of the block that it stands in, where several are called the same.

        Raises:
            Impossible: There is no such menu or option on this person's screen.
        """
        place = self._looked_at(where)
        found, menu = self._found(place, what, block, buttons=False)
        return await self._act(place, found, menu, valued(menu, option))

    def fill(self, what: str, value: Any) -> None:
        """Fill in a field of the modal on top, by its label or id.

        Raises:
            Impossible: There is no such field, or no such option in it.
        """
        view = self._top()
        block, element = found_field(view.blocks, what)
        view.typed[block["block_id"], element["action_id"]] = valued(element, value)

    async def submit(self) -> Outcome:
        """Send the modal on top; what the screen itself refuses is not sent.

        Raises:
            Impossible: There is no modal, or it has nothing to send it with.
        """
        view = self._top()
        if "submit" not in view.body or view.body.get("submit_disabled"):
            raise Impossible(f"the modal {view.title!r} cannot be sent")
        values = held(view)
        complaints = {
            said(block["label"]): complaint(
                block, values[block["block_id"], block["element"]["action_id"]]
            )
            for block in view.blocks
            if block.get("type") == "input"
        }
        errors = {label: words for label, words in complaints.items() if words is not None}
        if errors:
            return self._outcome(None, errors=errors)
        since = len(self._tenant.space.ephemerals)
        delivery = await self._bring(submitted(self._tenant, self.profile, view))
        shown, warning = self._answered(view, delivery)
        return self._outcome(None, delivery, since=since, errors=shown, warning=warning)

    async def close(self, *, everything: bool = False) -> Outcome:
        """Close the modal on top, or all of them.

        Raises:
            Impossible: There is no modal.
        """
        view = self._top()
        stack = self._tenant.space.stacks[self.id]
        everything = everything or bool(view.body.get("clear_on_close"))
        gone = list(stack) if everything else [view]
        self._tenant.space.stacks[self.id] = [item for item in stack if item not in gone]
        delivery = None
        for item in reversed(gone):
            if item.body.get("notify_on_close"):
                told = closed(self._tenant, self.profile, item, cleared=everything)
                delivery = await self._bring(told)
        return self._outcome(None, delivery)

    async def open_home(self) -> Outcome:
        """Open the App Home."""
        since = len(self._tenant.space.ephemerals)
        direct = self._tenant.space.direct(self.id)
        told: Json = {
            "type": "app_home_opened",
            "user": self.id,
            "channel": direct.id,
            "tab": "home",
        }
        delivery = await self._courier.bring("events_api", event(self._tenant, told))
        return self._outcome(None, delivery, since=since)

    def say(self, channel: str, text: str, thread_ts: str | None = None) -> Message:
        """Write a message; the app is not told.

        Raises:
            Impossible: This person is not in the channel.
        """
        found = self._tenant.space.channels[channel]
        if self.id not in found.members:
            raise Impossible(f"{self.id} is not in {channel}")
        message = Message(
            channel=channel,
            ts=self._tenant.timestamp(),
            user=self.id,
            text=text,
            blocks=[],
            thread_ts=thread_ts,
        )
        found.messages.append(message)
        self._changes.tell()
        return message

    def delete(self, message: Message) -> None:
        """Delete a message, as an owner of the workspace may; the app is not told."""
        message.deleted = True
        self._changes.tell()

    async def _act(
        self, place: Message | View, block: Json, element: Json, chosen: Json
    ) -> Outcome:
        since = len(self._tenant.space.ephemerals)
        told = clicked(
            self._tenant, self.profile, place, block=block, element=element, chosen=chosen
        )
        delivery = await self._bring(told)
        return self._outcome(place, delivery, since=since, warning=_unanswered(delivery))

    async def _bring(self, payload: Json) -> Delivery:
        return await self._courier.bring("interactive", payload)

    def _looked_at(self, where: Message | View | None) -> Message | View:
        place = self._top() if where is None else where
        if self.profile.deleted:
            raise Impossible(f"{self.id} was deactivated and sees nothing")
        if isinstance(place, View):
            if place.user != self.id:
                raise Impossible(f"{self.id} does not see a view of {place.user}")
            return place
        if place.deleted:
            raise Impossible("the message was deleted")
        if self.id not in self._tenant.space.channels[place.channel].members:
            raise Impossible(f"{self.id} is not in {place.channel}")
        return place

    def _found(
        self, place: Message | View, what: str, within: str | None, *, buttons: bool
    ) -> tuple[Json, Json]:
        seen = [
            (block, element)
            for block in place.blocks
            if block.get("type") != "input" and within in {None, block["block_id"]}
            for element in acting(block)
            if (element.get("type") == "button") is buttons
            and self.id in element.get("visible_to_user_ids", [self.id])
        ]
        found = [
            (block, element)
            for block, element in seen
            if what
            in {said(element.get("text")), said(element.get("placeholder")), element["action_id"]}
        ]
        if len(found) != 1:
            names = [said(element.get("text")) or element["action_id"] for _, element in seen]
            raise Impossible(f"{len(found)} are called {what!r}; on the screen are: {names}")
        return found[0]

    def _top(self) -> View:
        view = self.modal
        if view is None:
            raise Impossible(f"{self.id} has no modal on the screen")
        return view

    def _answered(self, view: View, delivery: Delivery) -> tuple[dict[str, str], str | None]:
        """Do with the modal what the app said; errors by label, and what Slack says itself."""
        if not delivery.acknowledged or delivery.warning is not None:
            return {}, _TROUBLE
        action = delivery.answer.get("response_action")
        stack = self._tenant.space.stacks.get(self.id, [])
        if view not in stack:
            return {}, None  # it was closed in the meantime
        if action == "errors":
            return self._errors(view, delivery)
        if action in {"update", "push"}:
            return {}, self._shown(view, delivery, push=action == "push")
        if action not in {None, "clear"}:
            delivery.warning = f"unknown response_action {action!r}"
            return {}, _TROUBLE
        stack[:] = [] if action == "clear" else [item for item in stack if item is not view]
        return {}, None

    def _errors(self, view: View, delivery: Delivery) -> tuple[dict[str, str], str | None]:
        errors: Any = delivery.answer.get("errors")
        labels: Json = {
            block["block_id"]: said(block["label"])
            for block in view.blocks
            if block.get("type") == "input"
        }
        if not is_object(errors) or not errors or not _worded(errors, labels):
            delivery.warning = f"errors belong under input blocks, in words: {errors!r}"
            return {}, _TROUBLE
        return {labels[name]: words for name, words in errors.items()}, None

    def _shown(self, view: View, delivery: Delivery, *, push: bool) -> str | None:
        body: Any = delivery.answer.get("view")
        faults = view_faults(body, "modal")
        if faults:
            delivery.warning = "; ".join(faults)
            return _TROUBLE
        if not push:
            replaced(self._tenant, view, body)
            return None
        try:
            placed(self._tenant, self.id, body)
        except Refusal as no:
            delivery.warning = no.error
            return _TROUBLE
        return None

    def _outcome(
        self,
        place: Message | View | None,
        delivery: Delivery | None = None,
        *,
        since: int | None = None,
        errors: dict[str, str] | None = None,
        warning: str | None = None,
    ) -> Outcome:
        space = self._tenant.space
        self._changes.tell()
        return Outcome(
            space=space,
            changes=self._changes,
            user=self.id,
            since=len(space.ephemerals) if since is None else since,
            delivery=delivery,
            errors=errors or {},
            message=place if isinstance(place, Message) else None,
            warning=warning,
        )


def _worded(errors: Json, labels: Json) -> bool:
    return all(
        name in labels and words and isinstance(words, str) for name, words in errors.items()
    )


def _unanswered(delivery: Delivery) -> str | None:
    return None if delivery.acknowledged else _TROUBLE

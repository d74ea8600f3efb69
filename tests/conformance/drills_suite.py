"""What every store must keep of drills."""

from sagas.ports import Store
from tests.conformance.support import AT, drilled


class DrillsSuite:
    async def test_a_drill_is_read_as_it_was_recorded(self, store: Store) -> None:
        drill = drilled(passed=False, detail='the room is still booked: "H-1" \u00fc')
        await store.record(drill)
        assert await store.drills("travel") == [drill]

    async def test_nothing_was_drilled_in_a_new_journal(self, store: Store) -> None:
        assert await store.drills("travel") == []

    async def test_the_drill_that_was_recorded_last_counts(self, store: Store) -> None:
        await store.record(drilled(id="d-1"))
        last = drilled(id="d-2", passed=False, at=AT - 1)
        await store.record(last)
        assert await store.drills("travel") == [last]

    async def test_a_drill_that_is_recorded_again_is_not_a_later_one(self, store: Store) -> None:
        last = drilled(id="d-2")
        for drill in (drilled(id="d-1"), last, drilled(id="d-1")):
            await store.record(drill)
        assert await store.drills("travel") == [last]

    async def test_each_action_and_version_has_a_last_drill_of_its_own(self, store: Store) -> None:
        hotel, newer = drilled(id="d-1"), drilled(id="d-2", version=2)
        flight = drilled(id="d-3", action="travel.book_flight")
        for drill in (hotel, newer, flight):
            await store.record(drill)
        assert await store.drills("travel") == [flight, hotel, newer]

    async def test_drills_of_another_catalog_are_left_out(self, store: Store) -> None:
        await store.record(drilled(action="travels.book_hotel"))
        await store.record(drilled(id="d-2", action="trave_.book_hotel"))
        assert await store.drills("travel") == []
        assert await store.drills("%") == []

    async def test_what_cannot_be_stored_is_replaced_in_what_people_read(
        self, store: Store
    ) -> None:
        await store.record(drilled(detail="a\x00b", sandbox="\ud800"))
        [found] = await store.drills("travel")
        assert (found.detail, found.sandbox) == ("a?b", "?")

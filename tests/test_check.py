import asyncio

import pytest

from bmv.commands.doctor.check import Check, Fault, NotChecked, Notes, examine
from bmv.commands.doctor.findings import Finding, Level


async def made(*checks: Check[int], seconds: float = 5) -> list[Finding]:
    return await examine(checks, lambda _: None, seconds=seconds)


async def well(notes: Notes) -> int:
    notes.ok("all is well")
    return 7


async def broken(notes: Notes) -> int:
    raise Fault("it is broken", "Mend it.")


async def test_a_check_has_as_many_lines_as_it_has_to_say() -> None:
    async def make(notes: Notes) -> int:
        notes.ok("this is well")
        notes.warning("that may not be", "Look at it.")
        return 1

    assert await made(Check("both", make)) == [
        Finding("both", Level.OK, "this is well"),
        Finding("both", Level.WARNING, "that may not be", "Look at it."),
    ]


async def test_what_others_have_named_cannot_forge_a_line_or_give_orders_to_the_terminal() -> None:
    async def make(notes: Notes) -> None:
        notes.warning("“Mine\x1b[2J\nok  all is well”", "see\x9b31m it")

    (finding,) = await Check("a", make).findings()
    assert (finding.message, finding.remedy) == ("“Mine [2J ok all is well”", "see 31m it")


async def test_a_fault_is_a_line_with_its_remedy_and_the_other_checks_go_on() -> None:
    assert await made(Check("first", broken), Check("second", well)) == [
        Finding("first", Level.FAULT, "it is broken", "Mend it."),
        Finding("second", Level.OK, "all is well"),
    ]


async def test_what_builds_on_a_failed_check_says_so_once_and_names_the_first_of_them() -> None:
    first = Check("first", broken)

    async def on_first(notes: Notes) -> int:
        notes.ok("never said")
        return await first.value()

    second = Check("second", lambda _: first.value())

    async def on_second(_: Notes) -> int:
        return await second.value()

    third = Check("third", on_second)

    found = await made(first, second, third)

    assert [(each.name, each.level) for each in found] == [
        ("first", Level.FAULT),
        ("second", Level.WARNING),
        ("third", Level.WARNING),
    ]
    assert {each.message for each in found[1:]} == {"not checked: first mend what is said of “first”"}


async def test_a_check_that_others_build_on_is_made_once_whoever_asks_first() -> None:
    times = 0

    async def counted(notes: Notes) -> int:
        nonlocal times
        times += 1
        await asyncio.sleep(0)
        return await well(notes)

    first = Check("first", counted)
    later = [Check(f"later {number}", lambda _: first.value()) for number in range(3)]

    found = await made(*later, first)

    assert times == 1
    assert found == [Finding("first", Level.OK, "all is well")]


async def test_what_builds_on_what_need_not_be_checked_need_not_be_either() -> None:
    async def needless(_notes: Notes) -> int:
        raise NotChecked("there is nothing", well=True)

    first = Check("first", needless)
    assert await made(first, Check("second", lambda _: first.value())) == [
        Finding("first", Level.OK, "not checked: there is nothing"),
        Finding("second", Level.OK, "not checked: there is nothing"),
    ]


async def test_what_need_not_be_checked_is_well() -> None:
    async def unneeded(_: Notes) -> int:
        raise NotChecked("there is no Flex", well=True)

    assert await made(Check("flex", unneeded)) == [Finding("flex", Level.OK, "not checked: there is no Flex")]


async def test_a_bug_in_a_check_is_a_finding_and_nothing_is_raised() -> None:
    async def buggy(_: Notes) -> int:
        raise ZeroDivisionError("division by zero")

    (finding,) = await made(Check("buggy", buggy))

    assert finding.level is Level.FAULT
    assert "ZeroDivisionError: division by zero" in finding.message
    assert "report" in finding.remedy


async def test_a_check_that_does_not_end_is_given_up_and_what_builds_on_it_with_it() -> None:
    async def endless(_: Notes) -> int:
        await asyncio.Event().wait()
        return 0

    first = Check("first", endless)

    found = await made(first, Check("second", lambda _: first.value()), Check("third", well), seconds=0.05)

    assert [(each.name, each.level) for each in found] == [
        ("first", Level.FAULT),
        ("second", Level.FAULT),
        ("third", Level.OK),
    ]
    assert "0.05 s" in found[0].message


async def test_findings_are_told_in_the_order_of_the_report_whatever_ends_first() -> None:
    release = asyncio.Event()

    async def slow(notes: Notes) -> int:
        await release.wait()
        return await well(notes)

    async def quick(notes: Notes) -> int:
        release.set()
        return await well(notes)

    told: list[str] = []
    await examine([Check("slow", slow), Check("quick", quick)], lambda finding: told.append(finding.name))

    assert told == ["slow", "quick"]


async def test_a_cancelled_examination_leaves_nothing_running() -> None:
    started = asyncio.Event()

    async def endless(_: Notes) -> int:
        started.set()
        await asyncio.Event().wait()
        return 0

    examination = asyncio.ensure_future(made(Check("endless", endless)))
    await started.wait()
    examination.cancel()
    with pytest.raises(asyncio.CancelledError):
        await examination
    assert len(asyncio.all_tasks()) == 1

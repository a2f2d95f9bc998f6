"""The names that were met lately."""

from bmv.translators.recent import Recent


def test_so_many_names_are_remembered_and_the_oldest_is_forgotten_first() -> None:
    names = Recent(most=2)
    assert not names
    for name in ("a", "b", "a", "c"):
        names.add(name)
    assert [name in names for name in "abc"] == [False, True, True]
    names.discard("b")
    assert len(names) == 1

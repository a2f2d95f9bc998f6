from bmv.commands.doctor.findings import EXIT_CODES, Finding, Level, worst


def test_a_report_is_as_bad_as_the_worst_of_its_lines() -> None:
    ok, warning, fault = (Finding("a", level, "words") for level in Level)

    assert worst([ok, ok]) is Level.OK
    assert worst([ok, warning, ok]) is Level.WARNING
    assert worst([warning, fault, ok]) is Level.FAULT
    assert worst([]) is Level.OK


def test_exit_codes_tell_well_from_warnings_and_from_faults() -> None:
    assert EXIT_CODES == {Level.OK: 0, Level.WARNING: 3, Level.FAULT: 1}

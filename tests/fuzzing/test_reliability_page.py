"""The user guide says what the search and the fault tests have shown, and nothing else."""

import pytest

from fuzzing.faults import FAULTS, count
from fuzzing.records import PAGE, RESULT, Record, fill_page, read_record, write_record

ROW = {"target": "bed", "inputs": 1234, "read": 1000, "refused": 234, "crashes": 0, "seconds": 60.0}
FAULT = {
    "fault": "Memory runs out",
    "tests": "tests/x.py",
    "passed": 7,
    "failed": 0,
    "skipped": 0,
    "seconds": 1.0,
}
VERSIONS = dict.fromkeys(("python", "numpy", "torch", "atheris", "dnaio", "xopen", "safetensors"), "1.0")
ENVIRONMENT = {
    "versions": VERSIONS,
    "commit": "0123456789abcdef",
    "date": "2026-01-02T03:04:05",
    "cpu": "a CPU",
}


@pytest.fixture
def record():
    return Record(
        0, [ROW, {**ROW, "target": "gff"}], [{**FAULT, "kills": {"store": 4, "lm": 23}}], ENVIRONMENT
    )


def page_with(*names):
    return "".join(f"Title {name}\n\n.. quoted: {name}\n\nold\n\n.. end of {name}\n" for name in names)


def test_page_quotes_the_result():
    """Nobody changes a number by hand, or forgets the page when the search has run again."""
    page = PAGE.read_text(encoding="utf-8")
    assert fill_page(page, read_record(RESULT)) == page


def test_result_has_no_failure():
    record = read_record(RESULT)
    assert record.n_inputs > 0
    assert record.n_failures == 0


def test_fill_page_writes_the_numbers_and_keeps_the_rest(record):
    page = fill_page(page_with("total", "inputs", "faults", "made"), record)
    assert "**2,468 damaged inputs, 0 crashes.**" in page
    assert "   * - gff\n     - 1,234\n     - 1,000\n     - 234\n     - 0\n" in page
    assert "   * - Memory runs out\n     - 7\n     - 0\n     - lm: 23, store: 4\n" in page
    assert "2026-01-02 at commit ``0123456789ab``" in page
    assert "old" not in page
    assert page.count("Title") == 4
    assert fill_page(page, record) == page


def test_fill_page_says_what_was_not_run(record):
    """A search that goes on has targets without inputs yet, and no faults."""
    record.faults, record.fuzzing[1] = [], {**record.fuzzing[1], "inputs": 0}
    page = fill_page(page_with("total", "inputs", "faults", "made"), record)
    assert ".. quoted: faults\n\nNot run yet.\n" in page
    assert "- bed" in page
    assert "- gff" not in page


def test_fill_page_misses_no_place(record):
    with pytest.raises(ValueError, match="The page must have one place for 'inputs'"):
        fill_page(page_with("total", "faults", "made"), record)


def test_record_is_read_back(record, tmp_path):
    write_record(record, tmp_path / "record.json")
    assert read_record(tmp_path / "record.json") == record


def test_record_counts_what_broke(record):
    record.fuzzing[0] = {**ROW, "crashes": 2}
    record.faults[0]["failed"] = 1
    assert record.n_failures == 3


def test_count_reads_a_report_of_pytest(tmp_path):
    report = tmp_path / "report.xml"
    note = '<properties><property name="kills of lm" value="20"/></properties>'
    cases = [f"<testcase>{inside}</testcase>" for inside in ("", note, note, "<skipped/>")]
    cases += [f"<testcase>{note}<failure/></testcase>", "<testcase><error/></testcase>"]
    report.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    assert count(report) == {"passed": 3, "failed": 2, "skipped": 1, "kills": {"lm": 40}}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_faults_name_tests_that_exist(fault):
    files = [RESULT.parents[1] / argument for argument in fault.arguments if argument.endswith(".py")]
    assert files
    assert all(file.is_file() for file in files)

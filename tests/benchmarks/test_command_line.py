"""The one entry of the benchmarks."""

import subprocess
import sys

import pytest

import benchmarks.__main__ as command_line
from benchmarks.__main__ import main
from benchmarks.records import read_record, write_record
from benchmarks.tasks import TASKS


def test_list_names_every_task(capsys):
    assert main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(TASKS)


def test_table_prints_a_stored_result(record, tmp_path, capsys):
    record.name = "speed"
    write_record(record, tmp_path)
    assert main(["speed", "--table", "--output", str(tmp_path)]) == 0
    assert "0.700 ± 0.100" in capsys.readouterr().out


def test_table_without_result_says_how_to_get_one(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["speed", "--table", "--output", str(tmp_path)])
    assert "Run: python -m benchmarks speed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["speeed"], "invalid choice: 'speeed'"),
        ([], "NAME, --list or --write-docs is needed"),
        (["speed", "--random-state", "x"], "invalid int value: 'x'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err


def test_run_hands_over_the_settings_and_writes_the_record(record, tmp_path, monkeypatch, capsys):
    seen = {}

    def run(name, settings):
        seen.update(name=name, **settings._asdict())
        return record

    monkeypatch.setattr(command_line, "run_task", run)
    arguments = ["speed", "--data-home", "d", "--device", "cpu", "--random-state", "7"]
    main([*arguments, "--output", str(tmp_path), "--work-dir", str(tmp_path)])
    assert seen == {
        "name": "speed",
        "data_home": "d",
        "device": "cpu",
        "random_state": 7,
        "work_dir": tmp_path,
        "quick": False,
    }
    assert read_record(tmp_path / "toy.json") == record
    assert f"Written to {tmp_path / 'toy.json'}" in capsys.readouterr().out


def test_quick_run_without_output_stays_out_of_the_results(record, monkeypatch, tmp_path, capsys):
    record.quick = True
    monkeypatch.setattr(command_line, "run_task", lambda *_: record)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    main(["speed", "--quick"])
    assert [path.name for path in tmp_path.rglob("*.json")] == ["toy-quick.json"]


def test_write_docs_reads_the_folder_of_results(record, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command_line, "write_page", lambda folder: folder / "page.md")
    assert main(["--write-docs", "--output", str(tmp_path)]) == 0
    assert str(tmp_path / "page.md") in capsys.readouterr().out


def test_module_runs_as_a_program():
    done = subprocess.run([sys.executable, "-m", "benchmarks", "--list"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "speed" in done.stdout


def test_list_does_not_wait_for_torch():
    program = "import sys, benchmarks.__main__; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

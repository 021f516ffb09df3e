"""The one entry of the benchmarks."""

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

import benchmarks.__main__ as command_line
from benchmarks.__main__ import main
from benchmarks.records import Score, UnknownChoiceError, read_record, write_record
from benchmarks.tasks import TASKS, draw_task, find_task


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
        (["speed", "--method", "x"], "This task has no methods 'x'. Those it has: 'start', 'tokenizer',"),
        (["speed", "--fraction", "x"], "This task has no conditions 'x'. It has none to choose from."),
        (["speed", "--picture", "x.png"], "'speed' has no picture."),
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
        "methods": (),
        "conditions": (),
    }
    assert read_record(tmp_path / "toy.json") == record
    assert f"Written to {tmp_path / 'toy.json'}" in capsys.readouterr().out


def test_part_is_printed_and_not_written(record, tmp_path, monkeypatch, capsys):
    seen = []

    def run(name, settings):
        seen.append((settings.methods, settings.conditions))
        return record

    monkeypatch.setattr(command_line, "run_task", run)
    methods, fractions = ["--method", "a", "--method", "b + c"], ["--fraction", "20"]
    for choice in (methods, fractions, methods + fractions):
        assert main(["speed", *choice, "--output", str(tmp_path)]) == 0
        printed = capsys.readouterr().out
        assert "0.700 ± 0.100" in printed
        assert "Written" not in printed
    assert seen == [(("a", "b + c"), ()), ((), ("20",)), (("a", "b + c"), ("20",))]
    assert list(tmp_path.iterdir()) == []


def test_part_that_is_kept_goes_into_the_result(record, tmp_path, monkeypatch, capsys):
    later = {**record.environment, "date": "2026-01-02T00:00:00+00:00"}
    more = Score("language model", "50", 50, "accuracy", [0.9]).as_row()
    runs = [record, replace(record, scores=[more], environment=later)]
    monkeypatch.setattr(command_line, "run_task", lambda *_: runs.pop(0))
    for _ in range(2):
        main(["speed", "--method", "a", "--keep", "--output", str(tmp_path)])
    assert "Written to" in capsys.readouterr().out
    kept = read_record(tmp_path / "toy.json")
    assert len(kept.scores) == len(record.scores) + 1
    assert kept.environment == later


def test_part_of_another_protocol_leaves_the_result(record, tmp_path, monkeypatch, capsys):
    runs = [record, replace(record, protocol="Another.")]
    monkeypatch.setattr(command_line, "run_task", lambda *_: runs.pop(0))
    arguments = ["speed", "--method", "a", "--keep", "--output", str(tmp_path)]
    main(arguments)
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "has another protocol than this run" in capsys.readouterr().err
    assert read_record(tmp_path / "toy.json") == record


def test_unknown_choice_is_a_wrong_argument(monkeypatch, capsys):
    def refuse(*_):
        raise UnknownChoiceError("This task has no methods 'x'. Those it has: 'y'.")

    monkeypatch.setattr(command_line, "run_task", refuse)
    with pytest.raises(SystemExit, match="2"):
        main(["speed", "--method", "x"])
    assert "Those it has: 'y'." in capsys.readouterr().err


def test_error_of_a_task_is_not_hidden(monkeypatch):
    def fail(*_):
        raise ValueError("a bug")

    monkeypatch.setattr(command_line, "run_task", fail)
    with pytest.raises(ValueError, match="a bug"):
        main(["speed"])


@pytest.mark.parametrize("has_scores", [True, False])
def test_part_without_scores_is_an_error(record, monkeypatch, has_scores, capsys):
    scores = record.scores if has_scores else []
    module = SimpleNamespace(run=lambda _: replace(record, scores=scores, timings=[]))
    monkeypatch.setattr("benchmarks.tasks.import_module", lambda _: module)
    arguments = ["gram-staining", "--method", "contrastive, fine-tuned", "--fraction", "20 windows"]
    if has_scores:
        assert main(arguments) == 0
        return
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "measures no method of ['contrastive, fine-tuned'] under a condition of" in capsys.readouterr().err


def test_picture_is_drawn_and_nothing_else(tmp_path, monkeypatch, capsys):
    drawn = []

    def draw(settings, path):
        drawn.append((settings.quick, path))
        return path

    monkeypatch.setattr("benchmarks.tasks.import_module", lambda _: SimpleNamespace(draw=draw))
    path = tmp_path / "a.png"
    assert main(["gram-staining", "--quick", "--picture", str(path)]) == 0
    assert drawn == [(True, path)]
    assert f"Written to {path}" in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_runs_and_those_of_classes_draw(name):
    task = find_task(name)
    assert callable(task.run)
    if name.startswith(("gram-staining", "bacteria-phages-viruses")):
        assert callable(task.draw)


def test_draw_task_names_the_task_without_a_picture(tmp_path):
    with pytest.raises(ValueError, match="'human-chromatin' has no picture"):
        draw_task("human-chromatin", None, tmp_path / "a.png")


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

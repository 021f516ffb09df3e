import hashlib
import os
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from skgenome.datasets import _home, _registry, get_data_home
from skgenome.datasets._home import fetch_file
from skgenome.datasets._registry import RegistryEntry, registry
from skgenome.exceptions import DataIntegrityError

CONTENT = b">contig\nACGTACGTAC\n" * 50


class _Server(ThreadingHTTPServer):
    """Serves what `answers` holds, one item per request, the last for ever; counts the requests."""

    daemon_threads = True

    def __init__(self, answers):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.paths = []


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        body, declared, status = server.answers[min(len(server.paths), len(server.answers) - 1)]
        server.paths.append(self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(declared))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


WHOLE = (CONTENT, len(CONTENT), 200)
HALF = (CONTENT[: len(CONTENT) // 2], len(CONTENT), 200)
OTHER = (b"<html>please log in</html>", 26, 200)
GONE = (b"", 0, 404)


@pytest.fixture
def entry():
    return RegistryEntry(
        dataset="toy",
        path="toy/genome.fa",
        repo="someone/data",
        commit="c0ffee",
        path_in_repo="a folder/genome.fa",
        bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
    )


@pytest.fixture
def serve(monkeypatch):
    """Start a server with the given answers in place of the real host."""
    servers = []

    def start(*answers):
        server = _Server(answers)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setattr(_registry, "RAW_HOST", f"http://127.0.0.1:{server.server_port}")
        return server

    # A proxy of the environment would keep the requests from the local server.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv("SKGENOME_DATA", raising=False)


def _files_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_get_data_home_prefers_argument_over_variable_over_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(_home.pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    assert get_data_home() == tmp_path / "cache" / "skgenome"
    monkeypatch.setenv("SKGENOME_DATA", str(tmp_path / "variable"))
    assert get_data_home() == tmp_path / "variable"
    assert get_data_home(tmp_path / "argument") == tmp_path / "argument"


def test_get_data_home_takes_empty_variable_as_unset(monkeypatch, tmp_path):
    monkeypatch.setattr(_home.pooch, "os_cache", lambda name: tmp_path)
    monkeypatch.setenv("SKGENOME_DATA", "")
    assert get_data_home() == tmp_path


def test_get_data_home_is_absolute_and_knows_the_tilde(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert get_data_home("~/data") == tmp_path / "data"
    assert get_data_home("data").is_absolute()


def test_fetch_file_uses_a_local_file_without_network(entry, tmp_path, monkeypatch):
    monkeypatch.setattr(_home, "_download", lambda *args: pytest.fail("went to the network"))
    path = tmp_path / entry.path
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    assert fetch_file(entry, data_home=tmp_path) == path
    assert _files_below(tmp_path) == [entry.path]


def test_fetch_file_downloads_into_the_same_layout(entry, tmp_path, serve):
    server = serve(WHOLE)
    path = fetch_file(entry, data_home=tmp_path / "new" / "home")
    assert path == tmp_path / "new" / "home" / entry.path
    assert path.read_bytes() == CONTENT
    assert server.paths == ["/someone/data/c0ffee/a%20folder/genome.fa"]


def test_fetch_file_downloads_once(entry, tmp_path, serve):
    server = serve(WHOLE)
    for _ in range(3):
        fetch_file(entry, data_home=tmp_path)
    assert len(server.paths) == 1


@pytest.mark.parametrize("bad", [HALF, OTHER, GONE], ids=["half", "other", "gone"])
def test_fetch_file_retries_after_a_bad_answer(entry, tmp_path, serve, bad):
    server = serve(bad, bad, WHOLE)
    assert fetch_file(entry, data_home=tmp_path).read_bytes() == CONTENT
    assert len(server.paths) == 3


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (OTHER, DataIntegrityError, r"genome\.fa sent 4 times is not the expected file.*Nothing was kept"),
        (HALF, OSError, r"Could not download http.*genome\.fa to .* in 4 attempts.*Check the connection"),
        (GONE, OSError, r"Could not download .*404.*SKGENOME_DATA"),
    ],
    ids=["other", "half", "gone"],
)
def test_fetch_file_leaves_nothing_after_a_failed_download(entry, tmp_path, serve, answer, error, message):
    serve(answer)
    with pytest.raises(error, match=message):
        fetch_file(entry, data_home=tmp_path)
    assert _files_below(tmp_path) == []


def test_fetch_file_offline_says_what_to_do(entry, tmp_path, serve):
    server = serve(WHOLE)
    server.shutdown()
    server.server_close()
    with pytest.raises(OSError, match=r"Could not download .* put the file there by hand"):
        fetch_file(entry, data_home=tmp_path)


def test_fetch_file_missing_and_no_download_raises(entry, tmp_path):
    with pytest.raises(OSError, match=r"toy/genome\.fa \(950 bytes\), found none, and download_if_missing"):
        fetch_file(entry, data_home=tmp_path, download_if_missing=False)
    assert _files_below(tmp_path) == []


@pytest.mark.parametrize("download_if_missing", [True, False])
def test_fetch_file_without_an_address_says_where_to_put_it(entry, tmp_path, serve, download_if_missing):
    server = serve(WHOLE)
    derived = entry._replace(repo="", commit="", path_in_repo="")
    path = tmp_path / entry.path
    with pytest.raises(
        OSError,
        match=rf"{re.escape(str(path))} .*not downloadable.*by hand \(sha256 {entry.sha256}\), or set "
        r"data_home or SKGENOME_DATA to a folder that has toy/genome\.fa",
    ):
        fetch_file(derived, data_home=tmp_path, download_if_missing=download_if_missing)
    assert server.paths == _files_below(tmp_path) == []
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    assert fetch_file(derived, data_home=tmp_path, download_if_missing=download_if_missing) == path


@pytest.mark.parametrize("found", [CONTENT[:100], CONTENT[:-1] + b"N", b""], ids=["half", "corrupt", "empty"])
def test_fetch_file_keeps_a_wrong_local_file_and_raises(entry, tmp_path, serve, found):
    server = serve(WHOLE)
    path = tmp_path / entry.path
    path.parent.mkdir()
    path.write_bytes(found)
    wrong = hashlib.sha256(found).hexdigest()
    with pytest.raises(DataIntegrityError, match=f"genome.fa.*expected sha256 {entry.sha256}.*found {wrong}"):
        fetch_file(entry, data_home=tmp_path)
    assert path.read_bytes() == found
    assert server.paths == []


def test_fetch_file_notices_a_file_that_changed_since(entry, tmp_path):
    path = tmp_path / entry.path
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    fetch_file(entry, data_home=tmp_path)
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=(0, 0))
    with pytest.raises(DataIntegrityError, match="is not the one"):
        fetch_file(entry, data_home=tmp_path)


def test_fetch_file_hashes_a_file_once_per_process(entry, tmp_path, monkeypatch):
    path = tmp_path / entry.path
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    fetch_file(entry, data_home=tmp_path)
    monkeypatch.setattr(_home.pooch, "file_hash", lambda *args, **kwargs: pytest.fail("hashed again"))
    fetch_file(entry, data_home=tmp_path)


def test_fetch_file_says_so_where_the_folder_cannot_be_written(entry, tmp_path, serve, monkeypatch):
    def refuse(**kwargs):
        raise OSError(30, "Read-only file system")

    server = serve(WHOLE)
    monkeypatch.setattr(_home.tempfile, "TemporaryFile", refuse)
    with pytest.raises(
        PermissionError, match=r"cannot be written .*Read-only.*Set data_home or SKGENOME_DATA"
    ):
        fetch_file(entry, data_home=tmp_path)
    assert server.paths == []


def test_fetch_file_says_so_where_the_folder_cannot_be_made(entry, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PermissionError, match=r"toy/genome\.fa is missing and cannot be downloaded"):
        fetch_file(entry, data_home=tmp_path / "file")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_fetch_file_reads_from_a_read_only_folder(entry, tmp_path):
    path = tmp_path / entry.path
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    path.parent.chmod(0o500)
    try:
        assert fetch_file(entry, data_home=tmp_path) == path
    finally:
        path.parent.chmod(0o700)


def test_registry_rows_are_complete_and_unique():
    entries = registry()
    assert len(entries) == len({entry.path for entry in entries}) == 131
    for entry in entries:
        assert len(entry.sha256) == 64
        assert entry.bytes > 0
        assert entry.licence
        assert not Path(entry.path).is_absolute()


def test_registry_rows_have_an_address_unless_derived():
    derived = [entry for entry in registry() if not entry.url]
    assert {entry.dataset for entry in derived} == {"human_chromatin", "phages", "eukaryotic_viruses"}
    for entry in derived:
        assert entry.repo == entry.commit == entry.path_in_repo == ""
    for entry in set(registry()) - set(derived):
        assert len(entry.commit) == 40
        assert (
            entry.url == f"https://raw.githubusercontent.com/{entry.repo}/{entry.commit}/{entry.path_in_repo}"
        )


def test_registry_name_of_a_genome_is_its_accession():
    genomes = [entry for entry in registry() if entry.dataset == "bacterial_genomes"]
    assert len({entry.name for entry in genomes}) == 58
    assert all(entry.name.startswith("GCF_") and "." not in entry.name for entry in genomes)


@pytest.mark.real_data
def test_registry_agrees_with_the_manifest(real_data_home):
    import csv

    with (real_data_home / "MANIFEST.tsv").open(encoding="utf-8", newline="") as lines:
        manifest = {row["staged_path"]: row for row in csv.DictReader(lines, delimiter="\t")}
    for entry in registry():
        row = manifest[entry.path]
        # Of a derived file the manifest says in words what it was put together or cut out of.
        in_words = not row["path_in_repo"] or " " in row["path_in_repo"]
        assert in_words == (not entry.url)
        source = (row["source_repo"], row["commit"], row["path_in_repo"]) if entry.url else ("", "", "")
        assert (entry.repo, entry.commit, entry.path_in_repo) == source
        assert (entry.bytes, entry.licence) == (int(row["bytes"]), row["licence"])
        assert entry.sha256 == row["sha256"]
        if entry.n_bases is not None:
            assert f"total={entry.n_bases}" in row["length_summary"]
            assert entry.n_sequences == int(row["n_sequences"])


@pytest.mark.real_data
def test_registry_files_have_their_checksums(real_data_home):
    for entry in registry():
        assert fetch_file(entry, data_home=real_data_home, download_if_missing=False).exists()

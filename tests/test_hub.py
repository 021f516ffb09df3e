"""Models from and to the Hugging Face Hub, by its own client, against a server in this process."""

import base64
import hashlib
import json
import re
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest

import skgenome
from skgenome import _hub
from skgenome.exceptions import DataIntegrityError
from skgenome.persistence import CONFIG_FILE, WEIGHTS_FILE, save
from skgenome.preprocessing import KmerCounter

constants = pytest.importorskip("huggingface_hub.constants", reason="needs the extra hub")


class Repository:
    """What a server has of one repository: commits, each with files, and branches that lead to them."""

    def __init__(self):
        self.commits, self.branches = {}, {}

    def add(self, files, branch="main"):
        content = b"".join(name.encode() + body for name, body in sorted(files.items()))
        commit = hashlib.sha1(content).hexdigest()
        self.commits[commit], self.branches[branch] = dict(files), commit
        return commit

    def find(self, revision):
        return revision if revision in self.commits else self.branches.get(revision)


class Handler(BaseHTTPRequestHandler):
    """The few addresses of the hub that a client asks for models."""

    def __init__(self, repositories, asked, *args):
        self.repositories, self.asked = repositories, asked
        super().__init__(*args)

    def log_message(self, *_):
        pass

    def answer(self, body=b"", status=200, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, code):
        self.answer({"error": code}, 404, X_Error_Code=code, X_Error_Message=code)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.split("?")[0]
        of_api = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path)
        of_file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        name, revision = (of_api[1], of_api[3] or "main") if of_api else of_file.group(1, 2)
        repository = self.repositories.get(name)
        commit = repository and repository.find(revision)
        if repository is None:
            return self.refuse("RepoNotFound")
        if commit is None:
            return self.refuse("RevisionNotFound")
        files = repository.commits[commit]
        rows = [
            {"type": "file", "path": name, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}
            for name, body in files.items()
        ]
        if of_api:
            siblings = [{"rfilename": row["path"], "size": row["size"]} for row in rows]
            info = {"id": name, "sha": commit, "siblings": siblings, "tags": [], "private": False}
            return self.answer(rows if of_api[2] == "tree" else info, Content_Type="application/json")
        if of_file[3] not in files:
            return self.refuse("EntryNotFound")
        self.asked.append((self.command, of_file[3]))
        body = files[of_file[3]]
        return self.answer(body, ETag=f'"{hashlib.sha1(body).hexdigest()}"', X_Repo_Commit=commit)

    def do_POST(self):
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        host = f"http://{self.headers['Host']}"
        if self.path == "/api/repos/create":
            wanted = json.loads(sent)
            name = f"{wanted['organization']}/{wanted['name']}"
            self.repositories.setdefault(name, Repository()).branches.setdefault("main", None)
            # Older clients say it in a word of its own, newer ones among other kinds of visibility.
            private = wanted.get("private") or wanted.get("visibility") == "private"
            self.asked.append(("create", private))
            return self.answer({"url": f"{host}/{name}", "id": name})
        if self.path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        name, verb = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main.*", self.path).groups()
        if verb == "preupload":
            files = json.loads(sent)["files"]
            modes = [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]
            return self.answer({"files": modes})
        rows = [json.loads(line) for line in sent.splitlines()]
        repository = self.repositories[name]
        files = dict(repository.commits.get(repository.branches["main"], {}))
        for row in rows:
            if row["key"] == "file":
                files[row["value"]["path"]] = base64.b64decode(row["value"]["content"])
        commit = repository.add(files)
        url = f"{host}/{name}/commit/{commit}"
        return self.answer({"success": True, "commitOid": commit, "commitUrl": url, "hookOutput": ""})


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The repositories of a server, what it was asked for, and the way to stop it; the cache is empty."""
    repositories, asked = {}, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, repositories, asked))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_of_a_test")
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")

    def stop():
        server.shutdown()
        thread.join()
        server.server_close()

    yield repositories, asked, stop
    stop()


def saved(k, place):
    folder = save(KmerCounter(k=k), place / f"k{k}")
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def repository(hub, tmp_path):
    """A repository with a model, and things that nobody has asked for."""
    found = hub[0]["somebody/counter"] = Repository()
    found.add({**saved(2, tmp_path), "README.md": b"A counter.", "code.py": b"boom", "model.pkl": b"boom"})
    return found


def test_load_fetches_a_model_and_no_other_file(hub, repository):
    model = skgenome.load("hf://somebody/counter")
    assert repr(model) == "KmerCounter(k=2)"
    fetched = {name for verb, name in hub[1] if verb == "GET"}
    assert fetched == {CONFIG_FILE, WEIGHTS_FILE, "README.md"}


def test_load_of_a_commit_gives_that_one(repository, tmp_path):
    first = repository.branches["main"]
    repository.add(saved(3, tmp_path))
    assert skgenome.load(f"hf://somebody/counter@{first}").k == 2
    assert skgenome.load("hf://somebody/counter@main").k == 3


def test_load_without_network_finds_what_was_fetched(hub, repository):
    skgenome.load("hf://somebody/counter")
    hub[2]()
    assert skgenome.load("hf://somebody/counter").k == 2
    with pytest.raises(
        FileNotFoundError, match=r"hf://somebody/else is not on the hub, or .* can't be reached"
    ):
        skgenome.load("hf://somebody/else")


def test_load_of_no_repository_says_so(hub):
    with pytest.raises(FileNotFoundError, match="hf://nobody/nothing is not on the hub"):
        skgenome.load("hf://nobody/nothing")


def test_load_of_no_revision_says_so(repository):
    with pytest.raises(FileNotFoundError, match="hf://somebody/counter@v9 could not be fetched"):
        skgenome.load("hf://somebody/counter@v9")


def test_load_refuses_what_is_too_large_before_fetching(hub, repository):
    with pytest.raises(ValueError, match=r"more than max_bytes=100, so nothing was fetched"):
        skgenome.load("hf://somebody/counter", max_bytes=100)
    assert [verb for verb, _ in hub[1] if verb == "GET"] == []


def test_load_refuses_a_description_of_absurd_size(repository, monkeypatch):
    monkeypatch.setattr(_hub, "LARGEST_TEXT", 50)
    with pytest.raises(
        ValueError, match=r"model.json of hf://somebody/counter has [\d,]+ bytes; .* at most 50"
    ):
        skgenome.load("hf://somebody/counter")


def test_load_of_another_kind_of_repository_says_so(repository):
    repository.add({"README.md": b"A poem."})
    with pytest.raises(FileNotFoundError, match=r"has no model.json and no weights.safetensors"):
        skgenome.load("hf://somebody/counter")


def test_load_checks_what_it_fetches(repository, tmp_path):
    repository.add({**saved(2, tmp_path / "again"), WEIGHTS_FILE: b"something else"})
    with pytest.raises(DataIntegrityError, match="is damaged: its sha256"):
        skgenome.load("hf://somebody/counter")


@pytest.mark.parametrize("address", ["hf://", "hf://counter", "hf://a/b/c", "hf://a/b@", "hf://a/../b"])
def test_load_of_a_malformed_address_says_how(address):
    with pytest.raises(ValueError, match=f"hf://user/name.* Got '{re.escape(address)}'"):
        skgenome.load(address)


def test_push_then_load_gives_the_same(hub):
    address = skgenome.push_to_hub(KmerCounter(k=3, canonical=True), "somebody/new", private=True)
    (commit,) = hub[0]["somebody/new"].commits
    assert address == f"hf://somebody/new@{commit}"
    assert ("create", True) in hub[1]
    assert set(hub[0]["somebody/new"].commits[commit]) == {CONFIG_FILE, WEIGHTS_FILE, "README.md"}
    counted = skgenome.load(address).transform(["GATTACA"]).toarray()
    np.testing.assert_array_equal(counted, KmerCounter(k=3, canonical=True).transform(["GATTACA"]).toarray())


def test_push_leaves_a_page_that_is_there(hub, repository):
    skgenome.push_to_hub(KmerCounter(k=4), "somebody/counter", readme="Another page.")
    files = repository.commits[repository.branches["main"]]
    assert files["README.md"] == b"A counter."
    assert skgenome.load("hf://somebody/counter").k == 4


def test_push_of_what_cannot_be_saved_creates_nothing(hub):
    with pytest.raises(TypeError, match="can't save without pickle"):
        skgenome.push_to_hub(object(), "somebody/new")
    assert hub[0] == {}


def test_push_and_load_without_the_client_name_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    for call in (partial(skgenome.load, "hf://a/b"), partial(skgenome.push_to_hub, KmerCounter(), "a/b")):
        with pytest.raises(ImportError, match=r"pip install 'skgenome\[hub\]'"):
            call()

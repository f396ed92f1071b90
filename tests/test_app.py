"""The local application over HTTP: who comes in, what is refused, and that everything is a file of the project."""

from __future__ import annotations

import os
import tomllib

import pytest
from plugspan.app.door import HOST, Door
from plugspan.app.project_file import changed_text
from plugspan.app.server import make_app
from plugspan.app.world import MOST_MB, World, version_of
from plugspan.project import read_project
from plugspan.texts import text
from starlette.testclient import TestClient

PORT = 4711
ORIGIN = f"http://{HOST}:{PORT}"


def client_of(root, *, entered=True) -> TestClient:
    """A browser at the door of a folder; with the cookie, if it entered by the address."""
    door = Door(make_app(World(root), "en"), PORT)
    client = TestClient(door, base_url=ORIGIN, raise_server_exceptions=False)
    client.headers["origin"] = ORIGIN
    client.address = door.address
    if entered:
        assert client.get(door.address).status_code == 200
    return client


@pytest.fixture
def world(tmp_path):
    (tmp_path / "world").mkdir()
    return tmp_path / "world"


@pytest.fixture
def client(world):
    return client_of(world)


@pytest.fixture
def project(client, world):
    """A new project; its address and folder."""
    assert client.post("/api/projects", json={"name": "项目 1", "policy": "zhuzhou-2025"}).status_code == 200
    return world / "项目 1"


AT = "/api/p/项目 1"


# -- the door ------------------------------------------------------------------------------------------------


def test_the_address_opens_once_and_only_with_its_token(world):
    """Without the token there is no page; with it a cookie that scripts and other sites don't get; then never again."""
    client = client_of(world, entered=False)
    for path in ("/", "/?token=", "/?token=x", "/api/home", "/static/main.js", "/nothing"):
        assert client.get(path).status_code == 401, path
    first = client.get(client.address)
    assert first.status_code == 200
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "token" not in cookie
    assert client.get("/api/home").status_code == 200
    client.cookies.clear()
    assert client.get(client.address).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},  # DNS rebinding: the name leads to 127.0.0.1
        {"host": f"localhost:{PORT}"},
        {"host": f"{HOST}:{PORT + 1}"},
        {"host": HOST},
        {"origin": "http://evil.example"},
        {"origin": f"http://{HOST}:{PORT + 1}"},  # the same site, and yet another page
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_page_from_elsewhere_gets_nothing(client, project, headers):
    """Whatever the method, with the cookie, too; and nothing is changed."""
    before = (project / "project.toml").read_bytes()
    for method, path in (
        ("GET", "/api/home"),
        ("GET", "/"),
        ("POST", "/api/projects"),
        ("PUT", f"{AT}/files/a.csv"),
    ):
        assert client.request(method, path, headers=headers, content=b"{}").status_code == 403, (method, path)
    assert (project / "project.toml").read_bytes() == before
    assert not (project / "a.csv").exists()


def test_a_write_without_an_origin_is_refused(client):
    """Forms of old browsers and other programs send none."""
    del client.headers["origin"]
    assert client.get("/api/home").status_code == 200
    assert client.post("/api/projects", json={"name": "a"}).status_code == 403


def test_a_wrong_cookie_is_none(world):
    """Not a guess, not another program's, not something that is no cookie."""
    client = client_of(world, entered=False)
    for cookie in (f"plugspan_{PORT}=x", "plugspan=x", f"plugspan_{PORT}=\xe9", "=;;=", f"plugspan_{PORT}"):
        assert client.get("/api/home", headers={"cookie": cookie.encode("latin-1")}).status_code == 401


def test_every_answer_forbids_what_pages_may_not_do(client):
    """Pages run and load our own files only; all else runs nothing, and nothing is kept or framed."""
    for path in ("/", "/api/home", "/static/main.js", "/static/no.js", "/api/p/none"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


# -- the folder ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "",
        "a/b",
        "a\\b",
        "/etc",
        ".hidden",
        "a\0b",
        "con",
        "NUL.toml",
        "a:b",
        "x" * 200,
        "a\u202eb",
        "a\nb",
        "<b>",
    ],
)
def test_a_name_that_is_none_makes_no_folder(client, world, name):
    """Paths, hidden names, steering characters, names of devices."""
    answer = client.post("/api/projects", json={"name": name})
    assert answer.status_code == 422
    assert "can't be a name" in answer.json()["error"]
    assert not list(world.iterdir())


def test_a_new_project_is_one_that_the_command_reads(client, project):
    """Name and policy as chosen, all comments of the template; no table is claimed that is not there."""
    found = read_project(project)
    assert (found.name, found.policy, found.language, found.tables) == ("项目 1", "zhuzhou-2025", "en", {})
    written = (project / "project.toml").read_text("utf-8")
    assert written.count("#") > text("template.project", "en").count("#") - 7
    again = client.post("/api/projects", json={"name": "项目 1"})
    assert again.status_code == 409
    assert [p["name"] for p in client.get("/api/home").json()["projects"]] == ["项目 1"]


def test_no_other_folder_is_a_project(client, world, project, tmp_path):
    """Not one outside, not through a link, not by parts of a path."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "project.toml").write_text('schema = 1\nname = "x"\n[network]\nosm = "a.osm"\n')
    (world / "link").symlink_to(other)
    for name in ("link", "..%2Fother", "../other", "%2e%2e", "other", "项目 1/../../other"):
        answer = client.get(f"/api/p/{name}")
        assert answer.status_code in (401, 404), name
        assert "schema" not in answer.text


def test_a_project_that_is_served_alone_is_its_world(project):
    """``plugspan serve PROJECT``: that project, and no new ones beside it."""
    client = client_of(project)
    home = client.get("/api/home").json()
    assert home["single"]
    assert [p["title"] for p in home["projects"]] == ["项目 1"]
    assert client.post("/api/projects", json={"name": "b"}).status_code == 409


# -- files ---------------------------------------------------------------------------------------------------


def test_a_file_is_taken_whole_and_replaced_only_as_seen(client, project):
    """The second of that name asks; it takes the place only of the version that was seen."""
    assert client.put(f"{AT}/files/充电站.csv", content=b"a,b\n1,2\n").json()["name"] == "充电站.csv"
    again = client.put(f"{AT}/files/充电站.csv", content=b"new")
    assert again.status_code == 409
    seen = again.json()["exists"]
    (project / "充电站.csv").write_text("edited meanwhile")
    stale = client.put(f"{AT}/files/充电站.csv", content=b"new", headers={"if-match": f'"{seen}"'})
    assert stale.status_code == 412
    assert (project / "充电站.csv").read_text() == "edited meanwhile"
    seen = version_of(project / "充电站.csv")
    assert client.put(f"{AT}/files/充电站.csv", content=b"new", headers={"if-match": seen}).status_code == 200
    assert (project / "充电站.csv").read_bytes() == b"new"
    assert sorted(p.name for p in project.iterdir()) == ["project.toml", "充电站.csv"]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("project.toml", 415),
        ("x.py", 415),
        ("x.html", 415),
        ("..%2Fx.csv", 404),
        ("%2e%2e%2fx.csv", 404),
        ("..\\x.csv", 422),
        (".x.csv", 422),
        ("nul.csv", 422),
        ("a%00.csv", 422),
    ],
)
def test_a_file_goes_nowhere_else(client, project, tmp_path, name, status):
    """No other kind of file, no other place; the project file is changed by its settings alone."""
    before = sorted(str(p) for p in tmp_path.rglob("*"))
    answer = client.put(f"{AT}/files/{name}", content=b"a,b\n1,2\n")
    assert answer.status_code == status, answer.text
    assert sorted(str(p) for p in tmp_path.rglob("*")) == before


def test_a_file_is_not_written_through_a_link(client, project, tmp_path):
    """A link in the folder leads out of it."""
    (tmp_path / "outside.csv").write_text("a")
    (project / "in.csv").symlink_to(tmp_path / "outside.csv")
    answer = client.put(
        f"{AT}/files/in.csv", content=b"b", headers={"if-match": version_of(tmp_path / "outside.csv")}
    )
    assert answer.status_code == 403
    assert (tmp_path / "outside.csv").read_text() == "a"


def test_what_is_too_large_is_refused_while_it_comes(client, project, monkeypatch):
    """By what its header says, and by what comes; nothing is left of it."""
    monkeypatch.setitem(MOST_MB, ".csv", 1)

    def endless():
        for _ in range(40):
            yield b"x" * 100_000

    for content in (b"x" * 1_100_000, endless()):
        answer = client.put(f"{AT}/files/a.csv", content=content)
        assert answer.status_code == 413
        assert "1 MB" in answer.json()["error"]
    assert client.post("/api/projects", content=b"[" * 1_100_000).status_code == 413
    assert client.post("/api/projects", content=b"[" * 900_000).status_code == 400
    assert [p.name for p in project.iterdir()] == ["project.toml"]


# -- the project file ----------------------------------------------------------------------------------------


def test_a_setting_changes_its_line_alone(client, project):
    """Comments, order and form stay; the version that was seen decides."""
    before = (project / "project.toml").read_text("utf-8").splitlines()
    version = client.get(AT).json()["version"]
    data = {"set": [[["plan", "budget"], 1200], [["policy"], "eu-afir"]]}
    assert client.post(f"{AT}/settings", json=data, headers={"if-match": version}).status_code == 200
    after = (project / "project.toml").read_text("utf-8").splitlines()
    assert sorted(set(before) - set(after)) == ['policy = "zhuzhou-2025"']
    assert sorted(set(after) - set(before)) == ["budget = 1200", 'policy = "eu-afir"']
    stale = client.post(f"{AT}/settings", json=data, headers={"if-match": version})
    assert stale.status_code == 412
    assert "changed elsewhere" in stale.json()["error"]


@pytest.mark.parametrize(
    ("path", "value", "status"),
    [
        (["name"], 7, 400),
        (["folder"], "x", 400),
        (["plan", "pins"], "x.csv", 400),
        (["policy"], "../evil.toml", 400),
        (["network", "osm"], "../../etc/passwd", 403),
        (["region", "file"], "/etc/passwd", 403),
        (["plan", "budget"], -5, 422),
        (["network", "data_date"], "soon", 422),
        (["network", "osm"], "a\0b", 422),
        ("name", "x", 400),
    ],
)
def test_a_setting_that_makes_no_sense_is_not_written(client, project, path, value, status):
    """Neither other keys, nor paths that lead out, nor what would be no project any more."""
    before = (project / "project.toml").read_bytes()
    version = client.get(AT).json()["version"]
    answer = client.post(f"{AT}/settings", json={"set": [[path, value]]}, headers={"if-match": version})
    assert answer.status_code == status, answer.text
    assert (project / "project.toml").read_bytes() == before


def test_a_broken_project_file_is_told_and_left_alone(client, project):
    """Somebody's editor left it half done."""
    (project / "project.toml").write_text('schema = 1\nname = "x\n', "utf-8")
    found = client.get(AT).json()
    assert found["faults"]
    assert "project.toml" in found["faults"][0]
    answer = client.post(
        f"{AT}/settings", json={"set": [[["name"], "y"]]}, headers={"if-match": found["version"]}
    )
    assert answer.status_code == 422
    assert client.get("/api/home").json()["projects"][0]["broken"]


CASES = [
    (
        [(("tables", "chargers", 1), {"path": "b.csv"})],
        {"tables": {"chargers": [{"path": "a.csv"}, {"path": "b.csv"}]}},
    ),
    ([(("tables", "chargers", 0), None)], {}),
    (
        [(("tables", "chargers", 0, "datum"), "gcj02")],
        {"tables": {"chargers": {"path": "a.csv", "datum": "gcj02"}}},
    ),
    (
        [(("tables", "berths", 0), {"path": "c.csv", "columns": {"name": "名"}})],
        {"tables": {"chargers": {"path": "a.csv"}, "berths": {"path": "c.csv", "columns": {"name": "名"}}}},
    ),
    (
        [(("rules", "a-b", "site", "dc_min_kw"), 120.0), (("rules", "a-b", "reach_km"), 5.0)],
        {
            "tables": {"chargers": {"path": "a.csv"}},
            "rules": {"a-b": {"site": {"dc_min_kw": 120.0}, "reach_km": 5.0}},
        },
    ),
]
SOURCE = """name = "x"  # one

[tables.chargers] # two
path = "a.csv"

# three
[plan]  # four
# five
then = "people"
"""


@pytest.mark.parametrize(("changes", "expected"), CASES)
def test_changed_keys_say_what_is_meant_and_comments_stay(changes, expected):
    """Tables are added, taken away and changed; what is written reads as it should."""
    changed = changed_text(SOURCE, changes)
    assert tomllib.loads(changed) == {"name": "x", "plan": {"then": "people"}, **expected}
    gone = 0 if expected.get("tables") else 1
    assert changed.count("#") == SOURCE.count("#") - gone


def test_a_full_disk_leaves_the_old_file(client, project, monkeypatch):
    """The system's reason is told; nothing is half written."""
    before = (project / "project.toml").read_bytes()
    version = client.get(AT).json()["version"]

    def full(_handle):
        raise OSError(28, "No space left on device", str(project / "project.toml"))

    monkeypatch.setattr(os, "fsync", full)
    answer = client.post(f"{AT}/settings", json={"set": [[["name"], "y"]]}, headers={"if-match": version})
    assert answer.status_code == 500
    assert "No space left" in answer.json()["error"]
    assert (project / "project.toml").read_bytes() == before
    assert [p.name for p in project.iterdir()] == ["project.toml"]

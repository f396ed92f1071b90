"""The local application over HTTP: who comes in, what is refused, and that everything is a file of the project."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tomllib
import zipfile
from urllib.parse import urljoin

import geopandas as gpd
import numpy as np
import pytest
import shapely
from country_case import REASON, write_country, write_results
from osm_xml import write_osm
from plugspan.app.door import HOST, Door
from plugspan.app.project_file import changed_text
from plugspan.app.server import make_app
from plugspan.app.world import MOST_MB, World, version_of
from plugspan.inputs.datum import from_wgs84
from plugspan.project import TABLES, read_project
from plugspan.schema import Reader
from plugspan.texts import LANGUAGES, text
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


def test_a_raster_of_people_is_demand_and_segments_are_no_table(client, project):
    """A GeoTIFF is taken, as a table without rows to show; roads of Overture look like no table."""
    assert client.put(f"{AT}/files/people.tif", content=b"II*\0").status_code == 200
    version = client.get(AT).json()["version"]
    added = client.post(f"{AT}/tables", json={"path": "people.tif"}, headers={"if-match": version}).json()
    assert (added["kind"], added["index"]) == ("demand", 0)
    shown = client.get(f"{AT}/tables/demand/0").json()
    assert (shown["faults"], shown["rows"], shown["editable"]) == ([], [], False)
    line = shapely.LineString([(113, 27), (113.1, 27)])
    frame = gpd.GeoDataFrame(
        {"id": ["s"], "class": ["primary"], "subtype": ["road"]}, geometry=[line], crs=4326
    )
    frame.to_parquet(project / "roads.parquet")
    told = client.post(f"{AT}/tables", json={"path": "roads.parquet"}, headers={"if-match": added["version"]})
    assert told.status_code == 422


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


# -- tables --------------------------------------------------------------------------------------------------

CHARGERS = """编号,名称,经度,纬度,充电枪数,备注
A1,一站,113.10,27.80,4,好
A2,二站,113.12,27.82,四把枪,
A3,三站,213.1,27.83,2,
"""


def put(client, name, content, kind=""):
    """Hand in a table and let the project use it, as the kind it looks like or is said to be; its address."""
    assert client.put(f"{AT}/files/{name}", content=content).status_code == 200
    version = client.get(AT).json()["version"]
    made = client.post(f"{AT}/tables", json={"path": name, "kind": kind}, headers={"if-match": version})
    assert made.status_code == 200, made.text
    return f"{AT}/tables/{made.json()['kind']}/{made.json()['index']}"


def mend(client, at, row, column, value, **stale):
    """Change a cell as the page does, from what it shows."""
    seen = client.get(at).json()
    column = [h["header"] for h in seen["headers"]].index(column)
    old = next(r["cells"][column] for r in seen["rows"] if r["n"] == row)
    data = {"row": row, "at": column, "old": stale.get("old", old), "value": value}
    return client.post(f"{at}/cell", json=data, headers={"if-match": stale.get("file", seen["file"])})


def test_faults_stand_in_their_cells_and_go_when_mended(client, project):
    """What is wrong, where, with the remedy; the mended file differs in these cells alone, and the command reads it."""
    at = put(client, "站点.csv", CHARGERS.encode("gb18030"))
    assert at.endswith("chargers/0")
    found = client.get(at).json()
    assert found["counts"] == {"read": 3, "kept": 1, "left_out": 0, "faulted": 2}
    assert {(f["row"], f["column"]) for f in found["faults"]} == {(3, "充电枪数"), (4, None)}
    assert [h["name"] for h in found["headers"]] == ["id", "name", "lon", "lat", "points", "note"]
    assert [p[2:] for p in found["points"]] == [[2, False], [3, True]]
    only = client.get(f"{at}?only=faults").json()
    assert [row["n"] for row in only["rows"]] == [3, 4]
    assert mend(client, at, 3, "充电枪数", "4").status_code == 200
    assert mend(client, at, 4, "经度", "113.13").status_code == 200
    found = client.get(at).json()
    assert found["faults"] == []
    assert found["counts"]["kept"] == len(found["points"]) == 3
    expected = CHARGERS.replace("四把枪", "4").replace("213.1", "113.13")
    assert (project / "站点.csv").read_bytes() == expected.encode("gb18030")


@pytest.mark.parametrize(
    ("source", "row", "column", "value", "expected"),
    [
        ('id,name,lon,lat\n1,"a, b",1,2\n', 2, "lon", "3", 'id,name,lon,lat\n1,"a, b",3,2\n'),
        ("id;name;lon;lat\r\n1;a;1;2\r\n", 2, "name", 'x;"y', 'id;name;lon;lat\r\n1;"x;""y";1;2\r\n'),
        (
            'id,name,lon,lat\n1,"two\nlines",1,2\n2,b,3,4',
            3,
            "name",
            "c",
            'id,name,lon,lat\n1,"two\nlines",1,2\n2,c,3,4',
        ),
        (
            "\ufeffA list\n\nid,name,lon,lat\n1,a,1,2\n",
            4,
            "lat",
            "5",
            "\ufeffA list\n\nid,name,lon,lat\n1,a,1,5\n",
        ),
        ('id,name,lon,lat\n1,"q""q",1,2\n', 2, "lat", "", 'id,name,lon,lat\n1,"q""q",1,\n'),
    ],
)
def test_one_cell_changes_and_nothing_else(client, project, source, row, column, value, expected):
    """Quotes, line ends, titles above, marks and other cells stay, letter by letter."""
    at = put(client, "t.csv", source.encode())
    assert mend(client, at, row, column, value).status_code == 200
    assert (project / "t.csv").read_bytes().decode() == expected


def test_a_cell_that_changed_meanwhile_is_not_overwritten(client, project):
    """Another tab, or Excel, was quicker; or the page shows an old cell."""
    at = put(client, "t.csv", CHARGERS.encode())
    old = client.get(at).json()["file"]
    (project / "t.csv").write_text(CHARGERS.replace("好", "不好"), "utf-8")
    assert mend(client, at, 2, "名称", "x", file=old).status_code == 412
    assert mend(client, at, 2, "名称", "x", old="另一站").status_code == 412
    assert mend(client, at, 2, "名称", "甲\u0001乙").status_code == 200
    (project / "g.csv").write_bytes(CHARGERS.encode("gb18030"))
    assert "不好" in (project / "t.csv").read_text("utf-8")


def test_a_workbook_stays_and_its_table_goes_on_as_csv(client, project):
    """The project uses the CSV; faults are mended there; the workbook is byte for byte what it was."""
    import io

    import openpyxl

    book = openpyxl.Workbook()
    for line in CHARGERS.strip().split("\n"):
        book.active.append([float(c) if c.replace(".", "").isdigit() else c for c in line.split(",")])
    buffer = io.BytesIO()
    book.save(buffer)
    at = put(client, "站.xlsx", buffer.getvalue())
    done = mend(client, at, 3, "充电枪数", "4").json()
    assert done["copy"] == "站.csv"
    assert (project / "站.xlsx").read_bytes() == buffer.getvalue()
    assert read_project(project).tables["chargers"][0].path.name == "站.csv"
    assert mend(client, at, 4, "经度", "113.1").status_code == 200
    assert client.get(at).json()["faults"] == []


def test_columns_datum_and_tables_are_settings_of_the_project(client, project):
    """A header is named by hand, the datum is changed, the table taken out: project.toml says so each time."""
    at = put(client, "t.csv", CHARGERS.replace("名称", "叫法").encode())

    def change(**data):
        version = client.get(AT).json()["version"]
        return client.post(at, json=data, headers={"if-match": version}).status_code

    assert client.get(at).json()["headers"][1] == {"header": "叫法", "name": "", "set": False}
    assert change(header="叫法", name="name") == 200
    assert client.get(at).json()["headers"][1] == {"header": "叫法", "name": "name", "set": True}
    assert change(datum="gcj02") == 200
    table = read_project(project).tables["chargers"][0]
    assert (table.datum, table.columns) == ("gcj02", {"name": "叫法"})
    assert change(datum="mars") == 422
    assert change(header="叫法", name="no_such") == 200
    assert any("no_such" in f["words"] for f in client.get(at).json()["faults"])
    assert change(header="叫法", name="") == 200
    assert read_project(project).tables["chargers"][0].columns == {}
    assert change(remove=True) == 200
    assert read_project(project).tables == {}
    assert (project / "t.csv").exists()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_kind_of_table_can_be_chosen_by_its_name(client, project, lang):
    """The page offers all that a project file takes, each with a name in its language."""
    words = client.get("/api/texts", params={"lang": lang}).json()["words"]
    kinds = client.get(AT).json()["kinds"]
    assert kinds == list(TABLES)
    assert [kind for kind in kinds if not words.get(f"app.data.kind-{kind}")] == []


def test_a_table_outside_of_the_folder_is_not_shown(client, project, tmp_path):
    """The project file may name one, and the command reads it; the pages don't."""
    (tmp_path / "world" / "secret.csv").write_text("id,lon,lat\ns,1,2\n")
    (project / "link.csv").symlink_to(tmp_path / "world" / "secret.csv")
    with (project / "project.toml").open("a") as file:
        file.write('[[tables.chargers]]\npath = "../secret.csv"\n[[tables.chargers]]\npath = "link.csv"\n')
    for index in (0, 1):
        answer = client.get(f"{AT}/tables/chargers/{index}")
        assert answer.status_code == 403
        assert "secret" not in answer.text.replace("../secret.csv", "")
    assert "link.csv" not in [f["path"] for f in client.get(AT).json()["files"]]


def test_the_sample_is_shown_with_its_ground_and_a_wrong_datum_is_noticed(client, world):
    """All nine tables are read; said to be WGS 84, those of a map service lie off the roads, and it is noticed."""
    assert (
        client.post("/api/projects", json={"name": "s", "sample": True, "language": "zh"}).status_code == 200
    )
    view = client.get("/api/p/s").json()
    assert len(view["tables"]) == 9
    assert view["missing"] == []
    ground = client.get("/api/p/s/ground").json()
    assert ground["region"]
    assert len(ground["roads"]) > 50
    for table in view["tables"]:
        found = client.get(f"/api/p/s/tables/{table['kind']}/{table['index']}").json()
        assert found["faults"] == []
        assert found["counts"]["kept"] == found["counts"]["read"] > 0
        assert found["datum_notice"] is None if "datum_notice" in found else True
    at = "/api/p/s/tables/chargers/0"
    assert client.post(at, json={"datum": "wgs84"}, headers={"if-match": view["version"]}).status_code == 200
    notice = client.get(at).json()["datum_notice"]
    assert notice["other"] == "gcj02"
    assert "GCJ-02" in notice["words"]
    assert "datum" not in notice["words"]  # a button stands beside it, no setting is to be typed
    sample = read_project(world / "s")
    assert len(sample.tables["chargers"]) == 2
    assert (world / "s" / "project.toml").read_text("utf-8").count("#") > 3


# -- commands ------------------------------------------------------------------------------------------------


def said(client, kind, at=AT):
    """All that a command said, to its end."""
    answer = client.get(f"{at}/jobs/{kind}/events")
    return [json.loads(line[6:]) for line in answer.text.split("\n") if line.startswith("data: ")]


def test_a_check_accounts_for_every_row_and_gives_faults_back(client, project):
    """Without roads, and with a bad cell: all faults at once, the rows of the file, a workbook with colours."""
    put(client, "t.csv", CHARGERS.encode())
    assert said(client, "check")[-1] == {"end": "none"}
    assert client.get(f"{AT}/checked").json()["files"] == []
    assert client.get(f"{AT}/checked/faults.xlsx").status_code == 404
    assert client.post(f"{AT}/jobs/check", json={}).status_code == 200
    first = said(client, "check")
    assert first[-1] == {"end": "ended", "exit": 3}
    found = client.get(f"{AT}/checked").json()
    assert any("roads.osm.pbf" in line for line in found["faults"])
    assert any("四把枪" in line for line in found["faults"])
    in_chinese = client.get(f"{AT}/checked?lang=zh").json()["faults"]  # it was made in English
    assert any("“四把枪”不是数" in line for line in in_chinese)
    counts = found["files"][0]
    assert counts["read"] == 3 == sum(counts[k] for k in ("kept", "merged", "left_out", "faulted"))
    assert client.get(f"{AT}/checked/faults.xlsx").content.startswith(b"PK")
    assert said(client_of(project.parent), "check")[1:] == first[1:]
    assert sorted(p.name for p in project.iterdir() if p.name[0] != ".") == ["project.toml", "t.csv"]


@pytest.mark.skipif(os.name == "nt", reason="wants locks that a child inherits")
def test_a_command_outlives_the_application_and_none_runs_beside_it(project):
    """Killed and started again, the application knows what runs, refuses a second one, and can end it."""
    from plugspan.app.jobs import Job, Jobs
    from plugspan.app.world import Folder, RefusedError

    first, again, job = Jobs(), Jobs(), Job(Folder(project), "run")
    first.start(job, ["serve", ".", "--no-browser"], "en")  # a command without an end of its own
    assert first.state(job) == again.state(job) == "running"
    for jobs in (first, again):
        with pytest.raises(RefusedError) as refused:
            jobs.start(Job(Folder(project), "check"), ["check", "."], "en")
        assert refused.value.status == 409
    child = first._children[job.log]
    again.cancel(job, keep=False)
    child.wait(60)
    with pytest.raises(RefusedError):
        Jobs().cancel(job, keep=False)
    assert Jobs().state(job) in ("ended", "broken")


def test_progress_is_told_to_the_end_however_much_was_said(project, monkeypatch):
    """Thousands of regions are cut and run; words of each are shown as far as a page holds them."""
    from plugspan.app import jobs
    from plugspan.app.world import Folder
    from plugspan.cli import common

    job, printed = jobs.Job(Folder(project), "run"), []
    monkeypatch.setattr(common, "_print_progress", printed.append)
    lines = common.ProgressLines("en")
    for k in range(6000):
        lines("country-cut", k / 6000)
    assert len(printed) <= 101
    job.log.parent.mkdir()
    said = [f'Region {k}\n{{"regions": {k}, "of": 6000}}' for k in range(1, 6001)]
    job.log.write_text("\n".join([*said, '{"exit": 0}', ""]), "utf-8")

    async def told():
        return [json.loads(event[6:]) async for event in jobs.Jobs().events(job)]

    found = asyncio.run(told())
    assert [one["regions"] for one in found if "regions" in one] == list(range(1, 6001))
    assert len([one for one in found if "words" in one]) == jobs._MOST_LINES
    assert found[-1] == {"end": "ended", "exit": 0}


def test_commands_that_are_none_are_refused(client, project):
    """Pages start what is on the list, not what stands in an address."""
    for kind in ("serve", "demo", "--help", "compare", "..%2Frun"):
        assert client.post(f"{AT}/jobs/{kind}", json={}).status_code in (404, 405), kind
    assert not (project / ".plugspan-app").exists()


# -- results -------------------------------------------------------------------------------------------------

EVIL = '</script><img src=x onerror="alert(1)">'


@pytest.fixture
def run(project):
    """A run folder of a stranger: names that are markup, values of the wrong kind, a map with a foreign script."""
    folder = project / "run"
    folder.mkdir()
    finding = {"rule": "r", "title": EVIL, "unit": "share", "low": 0.5, "high": 0.75, "target": 1.0, "sense": ">=",
               "shown": "not met", "by": "2025-12-31"}  # fmt: skip
    stage = {"year": 2026, "spent": 5.0, "actions": 2, "rules": {"r": {"status": "met"}, "q": 7}}
    result = {
        "schema": 2, "findings": [finding, 7, {"rule": [], "unit": {}, "low": "x"}], "measures": "none",
        "after": {"findings": [{**finding, "low": 1.0, "high": 1.0}]}, "provenance": {"started": "2026-01-01T00:00:00"},
        "plan": {"stages": [stage, "x"], "levels": [{}],
                 "actions": [{"action_id": "a", "name": EVIL, "kind": "new_site"}],
                 "cost": {"low": 1, "high": 2, "unit": EVIL, "assumed": True}},
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(result), "utf-8")
    (folder / "map.html").write_text(f"<script>alert(1)</script>{EVIL}", "utf-8")
    (folder / "log.txt").write_text("log", "utf-8")
    return folder


def test_results_are_told_whatever_stands_in_them(client, run):
    """Findings with value, target and state after; what is no finding is left out or empty."""
    found = client.get(f"{AT}/results").json()
    first = found["findings"][0]
    assert (first["value"], first["after"], first["target"]) == ("50% – 75%", "100%", "100%")
    assert (first["status"], first["status_words"]) == ("not-met", "not met")
    assert found["plan"]["stages"] == [
        {"year": 2026, "budget": None, "spent": 5.0, "actions": 2, "met": [1, 2]}
    ]
    assert found["map"] == "other"
    assert [f["name"] for f in found["files"]] == ["map.html", "result.json", "log.txt"]


def test_a_foreign_map_runs_no_script_of_its_own(client, run):
    """What it may do are the hashes of this version's scripts; other files are downloads that run nothing."""
    from plugspan.render.webmap.page import content_policy, render_shell

    answer = client.get(f"{AT}/map")
    assert (
        answer.headers["content-security-policy"]
        == f"{content_policy(render_shell(), None)}; frame-ancestors 'self'"
    )
    assert "unsafe" not in answer.headers["content-security-policy"]
    kept = client.get(f"{AT}/run/map.html")
    assert kept.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in kept.headers["content-security-policy"]
    assert kept.headers["content-type"] == "application/octet-stream"


def test_only_files_of_a_run_are_handed_out(client, run, tmp_path):
    """No other names, and none that leads out of the folder by a link."""
    (run / "secret.txt").write_text("s")
    (tmp_path / "outside").write_text("outside")
    (run / "tables.xlsx").symlink_to(tmp_path / "outside")
    for name in ("secret.txt", "..%2Fproject.toml", "project.toml", ".plugspan.json"):
        assert client.get(f"{AT}/run/{name}").status_code == 404, name
    assert client.get(f"{AT}/run/tables.xlsx").status_code == 403


@pytest.mark.parametrize("inputs", [False, True])
def test_the_zip_holds_all_with_a_summary_that_is_text(client, project, run, inputs):
    """Every file of the run, a page on which names are text, and on request what a colleague needs to repeat it."""
    import io
    import zipfile

    put(client, "t.csv", CHARGERS.encode())
    answer = client.get(f"{AT}/handover" + ("?inputs=yes" if inputs else ""))
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    names = {name.removeprefix("项目 1/") for name in archive.namelist()}
    expected = {"map.html", "result.json", "log.txt", "summary.html"}
    assert names == expected | ({"inputs/project.toml", "inputs/t.csv"} if inputs else set())
    page = archive.read("项目 1/summary.html").decode()
    assert "<img" not in page
    assert "<script" not in page
    assert "50% – 75%" in page
    assert "2026: 2 actions" in page


# -- the ground --------------------------------------------------------------------------------------------


def draw(client, corners, **stale):
    """Send corners as the page does, from what it shows."""
    seen = client.get(f"{AT}/region").json()
    data = {"corners": corners, "file": stale.get("file", seen["file"])}
    version = stale.get("version", client.get(AT).json()["version"])
    return client.post(f"{AT}/region", json=data, headers={"if-match": version})


@pytest.mark.parametrize("link", ["", "/lock", "/check.log", "/check.part", "/faults.xlsx", "/pid"])
def test_a_command_writes_nothing_through_a_link(client, project, tmp_path, link):
    """A project folder from a stranger may hold links; where they lead out of it nothing is written, not even begun."""
    outside = tmp_path / "outside"
    if link:
        (project / ".plugspan-app").mkdir()
        outside.write_text("mine")
    else:
        outside.mkdir()
    (project / f".plugspan-app{link}").symlink_to(outside)
    assert client.post(f"{AT}/jobs/check", json={}).status_code == 403
    assert outside.read_text() == "mine" if link else not list(outside.iterdir())


@pytest.mark.parametrize("kind", ["run", "pdf", "compare"])
def test_results_are_not_written_through_a_link(client, project, run, tmp_path, kind):
    """The command itself follows a link; the application doesn't start it."""
    (tmp_path / "outside").mkdir()
    assert client.post(f"{AT}/keep", json={"name": "a"}).status_code == 200
    name = "compare" if kind == "compare" else "run"
    if name == "run":
        run.rename(project / "runs" / "b")
    (project / name).symlink_to(tmp_path / "outside")
    at = f"{AT}/compare" if kind == "compare" else f"{AT}/jobs/{kind}"
    assert client.post(at, json={"first": "runs/a", "second": "run"}).status_code == 403
    assert not list((tmp_path / "outside").iterdir())


POSTS = ["keep", "compare", "rules", "plan", "settings", "tables", "region", "jobs/run", "jobs/run/cancel",
         "tables/chargers/0", "tables/chargers/0/cell"]  # fmt: skip


@pytest.mark.parametrize(
    "content", [b"[]", b"null", b"7", b'"x"', b'{"set": 7}', b'{"path": {}}', b'{"name": []}']
)
def test_data_of_another_form_are_refused(client, project, content):
    """Whatever JSON comes, the answer is a refusal and not a fault of the application; no file changes."""
    put(client, "t.csv", CHARGERS.encode())
    before = {path: path.read_bytes() for path in project.iterdir()}
    for path in POSTS:
        if path == "jobs/run" and content.startswith(b"{"):
            continue  # it asks for nothing
        answer = client.post(f"{AT}/{path}", content=content)
        assert 400 <= answer.status_code < 500, (path, answer.text)
    assert client.put(f"{AT}/scenarios/x", content=content).status_code == 400
    assert {path: path.read_bytes() for path in project.iterdir()} == before


def test_a_region_that_is_drawn_is_a_file_that_the_command_reads(client, project, root):
    """On the whole of the road file; it takes the place of what the project named before, and can be drawn again."""
    from plugspan.network import read_region

    assert client.get(f"{AT}/region").json() == {"region": [], "roads": [], "extent": None, "file": ""}
    roads = (root / "data" / "osm" / "zhuzhou-sample.osm.pbf").read_bytes()
    assert client.put(f"{AT}/files/roads.osm.pbf", content=roads).status_code == 200
    sheet = client.get(f"{AT}/region").json()
    assert sheet["extent"] == pytest.approx([112.63998, 25.8, 114.27003, 28.27001])
    settings = {"set": [[["region", "name"], "Zhuzhou"]]}
    version = client.get(AT).json()["version"]
    assert client.post(f"{AT}/settings", json=settings, headers={"if-match": version}).status_code == 200
    corners = [[113, 27.5], [113, 28], [113.5, 28], [113.5, 27.5]]  # clockwise, as they were put
    assert draw(client, corners).status_code == 200
    named = read_project(project).region
    assert (named.file.as_posix(), named.name) == ("drawn-region.geojson", None)
    polygon = read_region(project / named.file).polygon
    assert polygon.equals(shapely.Polygon(corners))
    geometry = json.loads((project / named.file).read_text("utf-8"))["features"][0]["geometry"]
    assert shapely.LinearRing(geometry["coordinates"][0]).is_ccw  # RFC 7946
    again = client.get(f"{AT}/region").json()
    assert (again["extent"], len(again["region"])) == (sheet["extent"], 1)
    assert draw(client, corners[:3]).status_code == 200
    assert draw(client, corners, file=again["file"]).status_code == 412  # another tab drew meanwhile
    assert draw(client, corners, version="0").status_code == 412
    assert read_region(project / named.file).polygon.area == pytest.approx(0.125)


@pytest.mark.parametrize(
    "corners",
    [
        None,
        [],
        "113,27",
        [[113, 27], [114, 27]],
        [[113, 27], [114, 28], [114, 27], [113, 28]],  # crosses itself
        [[113, 27], [114, 28], [115, 29]],  # no area
        [[113, 27], [114, 27], [114, 95]],
        [[113, 27], [114, 27], [114, None]],
        [[113, 27], [114, 27], [True, 28]],
        [[113, 27], [114, 27], [113, 28, 0]],
        [[float("nan"), 27], [114, 27], [113, 28]],
        [[113 + i / 1000, 27 + (i % 2)] for i in range(501)],
    ],
)
def test_corners_that_make_no_region_are_refused(client, project, corners):
    """In words, and nothing is written."""
    before = (project / "project.toml").read_bytes()
    data = json.dumps({"corners": corners, "file": ""})
    version = client.get(AT).json()["version"]
    answer = client.post(f"{AT}/region", content=data, headers={"if-match": version})
    assert answer.status_code == 422, answer.text
    assert "orner" in answer.json()["error"] or "cross" in answer.json()["error"]
    assert (project / "project.toml").read_bytes() == before
    assert not (project / "drawn-region.geojson").exists()


def test_a_drawing_is_not_written_through_a_link(client, project, tmp_path):
    """Nor is a link written in its place."""
    (tmp_path / "outside").write_text("mine")
    (project / "drawn-region.geojson").symlink_to(tmp_path / "outside")
    assert draw(client, [[113, 27], [114, 27], [114, 28]]).status_code == 403
    assert (tmp_path / "outside").read_text() == "mine"


def test_a_datum_is_judged_by_the_facilities_of_the_project_too(client, project):
    """Roads are near under any datum here, and their file knows no service area: only the project's own table tells."""
    nodes = [(n, 113 + 0.04 * (n % 2), 27 + 0.001 * (n // 2), {}) for n in range(80)]
    ways = [(n, [2 * n, 2 * n + 1], {"highway": "residential"}) for n in range(40)]
    write_osm(project / "roads.osm.pbf", [(i + 1, *rest) for i, *rest in nodes],
              [(i + 1, [a + 1, b + 1], t) for i, (a, b), t in ways])  # fmt: skip
    x, y = 113.01 + 0.002 * np.arange(12), 27.005 + 0.0027 * np.arange(12)
    left, up = from_wgs84(x, y, "gcj02")
    rows = [f"C{i},{a:.7f},{b:.7f},2,120" for i, (a, b) in enumerate(zip(left, up, strict=True))]
    at = put(client, "chargers.csv", "\n".join(["编号,经度,纬度,直流枪数,总功率kW", *rows]).encode())
    assert client.get(at).json()["datum_notice"] is None
    rows = [f"S{i},服务区,{a:.7f},{b:.7f}" for i, (a, b) in enumerate(zip(x, y, strict=True))]
    facilities = put(
        client, "facilities.csv", "\n".join(["编号,类型,经度,纬度", *rows]).encode(), "facilities"
    )
    assert client.get(at).json()["datum_notice"]["other"] == "gcj02"
    assert client.get(facilities).json()["datum_notice"] is None
    (project / "facilities.csv").write_text("编号,类型,经度,纬度\nS1,服务区,x,y\n", "utf-8")
    assert client.get(at).json()["datum_notice"] is None  # a table that can't be read is no measure


# -- rules ---------------------------------------------------------------------------------------------------


def line_of(client, rule, path):
    """A value of a rule as the page shows it."""
    found = client.get(f"{AT}/rules").json()
    return next(v for r in found["rules"] if r["id"] == rule for v in r["values"] if v["path"] == path)


def test_a_value_is_changed_for_the_project_and_taken_back(client, project):
    """60 kW becomes 120 kW, seen at once and in project.toml; the profile and the other rules stay."""
    from plugspan.rules.policy import read_policy
    from plugspan.study import read_project_policy

    rule, path = "expressway-service-area-fast", ["site", "dc_min_kw"]

    def change(value, path=path, rule=rule):
        version = client.get(AT).json()["version"]
        data = {"rule": rule, "path": path, "value": value}
        return client.post(f"{AT}/rules", json=data, headers={"if-match": version})

    before = (project / "project.toml").read_text("utf-8")
    line = line_of(client, rule, path)
    assert ("60 kW" in line["words"], line["assumed"], line["changed"]) == (True, True, False)
    assert change(120).status_code == 200
    line = line_of(client, rule, path)
    assert "60 kW" in line["was"]
    assert "120 kW" in line["words"]
    assert line["changed"]
    policy, notes = read_project_policy(read_project(project))
    profile = read_policy("zhuzhou-2025")
    assert policy.rules[0].site.dc_min_kw == 120
    assert policy.rules[1:] == profile.rules[1:]
    assert "from 60 to 120" in notes[0].render("en")
    for value, where in (
        (-1, path),
        ("x", path),
        (None, ["id"]),
        ({}, path),
        (5, ["site", "no_such"]),
        (5, []),
    ):
        assert change(value, where).status_code in (400, 422), (value, where)
    assert change(5, rule="no-such").status_code == 400
    share = ["usable_by_kind", "airport"]
    kind = next(
        r["id"] for r in client.get(f"{AT}/rules").json()["rules"] for v in r["values"] if v["path"] == share
    )
    assert line_of(client, kind, share)["words"].count("2%") == 1
    assert change(0.05, share, kind).status_code == 200
    assert "5%" in line_of(client, kind, share)["words"]
    assert line_of(client, kind, share)["assumed"]
    assert "0.02 to 0.05" in read_project_policy(read_project(project))[1][-1].render("en")
    assert change(None, share, kind).status_code == 200
    assert change(30, ["target", "value_max"], "ordinary-highway-spacing").status_code == 200
    assert change(None, ["target", "value_max"], "ordinary-highway-spacing").status_code == 200
    assert change(None).status_code == 200
    assert (project / "project.toml").read_text("utf-8").rstrip() == before.rstrip()


# -- the plan ------------------------------------------------------------------------------------------------


def test_what_must_and_must_not_be_built_stands_in_the_project(client, project, run):
    """An action is required, then forbidden, then left to the plan; the command reads the same."""

    def pin(action, how):
        version = client.get(f"{AT}/plan").json()["version"]
        return client.post(f"{AT}/plan", json={"action": action, "pin": how}, headers={"if-match": version})

    before = (project / "project.toml").read_text("utf-8")
    assert pin("a-1", "required").status_code == pin("b", "required").status_code == 200
    assert read_project(project).plan.required == ("a-1", "b")
    assert pin("a-1", "forbidden").status_code == 200
    plan = read_project(project).plan
    assert (plan.required, plan.forbidden) == (("b",), ("a-1",))
    assert client.get(f"{AT}/plan").json()["forbidden"] == ["a-1"]
    for action, how in (("", "required"), ("a", "maybe"), ("x" * 300, "required")):
        assert pin(action, how).status_code == 400
    assert pin("a-1", "").status_code == pin("b", "").status_code == 200
    assert (project / "project.toml").read_text("utf-8") == before
    stale = client.post(f"{AT}/plan", json={"action": "a", "pin": "required"}, headers={"if-match": "0"})
    assert stale.status_code == 412


def test_a_scenario_is_what_the_next_run_completes(client, project):
    """What is on is required, what was ruled out forbidden, in the project file; closed sites are counted and left."""
    scenario = {
        "schema": 1,
        "on": ["a", "b"],
        "off": ["c", "site:S1"],
        "places": [{"ref": "G106", "km": 12.5}],
    }
    assert client.put(f"{AT}/scenarios/我的", json=scenario).status_code == 200
    version = client.get(AT).json()["version"]
    tried = (("none", version, 422), ("../x", version, 422), ("我的", "0", 412), ("我的", version, 200))
    for name, seen, status in tried:
        answer = client.post(f"{AT}/plan", json={"scenario": name}, headers={"if-match": seen})
        assert answer.status_code == status, (name, answer.text)
    assert answer.json()["closed"] == 1
    plan = read_project(project).plan
    assert (plan.required, plan.forbidden) == (("a", "b", "G106 12.5 km"), ("c",))
    version = client.get(AT).json()["version"]
    assert client.post(f"{AT}/plan", json={"scenario": ""}, headers={"if-match": version}).status_code == 200
    plan = read_project(project).plan
    assert (plan.required, plan.forbidden) == ((), ())
    (project / "scenarios" / "我的.json").write_text("{", "utf-8")
    version = client.get(AT).json()["version"]
    answer = client.post(f"{AT}/plan", json={"scenario": "我的"}, headers={"if-match": version})
    assert answer.status_code == 422
    assert read_project(project).plan == plan


def test_results_are_kept_under_a_name_once(client, project, run):
    """A copy that later runs don't touch; names that are none, or taken, are refused."""
    assert client.post(f"{AT}/keep", json={"name": "基准"}).json() == {"kept": ["基准"]}
    assert (project / "runs" / "基准" / "result.json").read_bytes() == (run / "result.json").read_bytes()
    assert client.post(f"{AT}/keep", json={"name": "基准"}).status_code == 409
    for name in ("..", "a/b", ".x", ""):
        assert client.post(f"{AT}/keep", json={"name": name}).status_code == 422
    for first in ("../run", "runs/none", "runs/../run", "scenarios/none", ""):
        pair = {"first": first, "second": "run"}
        assert client.post(f"{AT}/compare", json=pair).status_code == 404
    assert client.get(f"{AT}/compare").status_code == 404
    assert [p.name for p in (project / "runs").iterdir()] == ["基准"]


def test_scenarios_are_files_of_the_project(client, project):
    """Kept and read as the page wrote them; nothing else is taken, and no other place."""
    scenario = {"schema": 1, "name": "我的", "on": ["a"], "off": [], "places": []}
    assert client.put(f"{AT}/scenarios/我的", json=scenario).json() == {"scenarios": ["我的"]}
    assert client.get(f"{AT}/scenarios/我的").json() == scenario
    assert client.put(f"{AT}/scenarios/我的", json=scenario | {"on": []}).status_code == 200
    assert client.put(f"{AT}/scenarios/x", json=[1]).status_code == 400
    assert client.put(f"{AT}/scenarios/x", json={"schema": 2}).status_code == 400
    assert client.put(f"{AT}/scenarios/..%2Fx", json=scenario).status_code in (404, 405)
    assert client.put(f"{AT}/scenarios/..", json=scenario).status_code in (404, 405, 422)
    assert client.get(f"{AT}/scenarios/none").status_code == 404
    assert [p.name for p in (project / "scenarios").iterdir()] == ["我的.json"]


def test_a_file_is_taken_for_the_table_that_it_is(root, tmp_path):
    """The sample's tables and the empty ones of ``plugspan init``, by their headers; a stranger's list is none."""
    from plugspan.app.table_view import guess_kind
    from plugspan.template import write_template

    sites = root / "data" / "sites"
    found = {path.name: guess_kind(path) for path in sites.iterdir()}
    expected = {name: name.split(".")[0].removesuffix("_gcj02") for name in found}
    assert found == expected | {"service_areas_gcj02.csv": "facilities"}
    for lang in ("zh", "en"):
        for path in write_template(tmp_path / lang, lang):
            assert path.suffix != ".csv" or guess_kind(path) == path.stem, path
    (tmp_path / "x.csv").write_text("路线编号,起点桩号,止点桩号,年平均日交通量\nG106,K0,K9,8000\n", "utf-8")
    assert guess_kind(tmp_path / "x.csv") == "traffic"
    for word, kind in (("服务区", "facilities"), ("充电站", "chargers"), ("", "chargers")):
        (tmp_path / "x.csv").write_text(f"编号,类型,经度,纬度\n1,{word},113,27\n", "utf-8")
        assert guess_kind(tmp_path / "x.csv") == kind, word
    (tmp_path / "x.csv").write_text("apples,pears\n1,2\n")
    assert guess_kind(tmp_path / "x.csv") == ""


@pytest.mark.parametrize("reader", [Reader("zh", "km"), Reader("en", "mi")])
def test_findings_read_as_in_the_report(sample_plan, reader):
    """Today's and the plan's: at least and at most, the longest gap and how many are over, ranges, miles."""
    from plugspan.app.runs import finding_words
    from plugspan.tables import numbers
    from plugspan.tables.result import finding_rows

    for state in (sample_plan.before, sample_plan.after):
        rows = [*finding_rows(state, reader), *finding_rows(state, reader, with_target=False)]
        assert len(rows) == len(state.findings)
        for row in numbers.plain(rows):
            finding = state[row["rule"]]
            words = finding_words(row, reader, finding.rule)
            if (finding.low, finding.high) != (None, None):
                assert words["value"] == numbers.headline(finding, reader)
            if finding.target is not None:
                assert words["target"] == numbers.target(finding, reader)


# -- many regions --------------------------------------------------------------------------------------------


def test_the_results_of_many_regions_are_those_of_the_country(client, project):
    """Rules and plan of the whole, regions without a result as notes, maps and files; a damaged file is told."""
    out = write_country(project / "run")
    write_results(out)
    found = client.get(f"{AT}/results").json()
    assert found["there"]
    rows = {row["rule"]: row for row in found["findings"]}
    assert rows["services"]["value"] == "75% – 87.5% (6/8 – 7/8)"
    assert rows["services"]["status"] == "not-met"
    assert found["warnings"] == [f"Cliff: {REASON}"]
    assert rows["reach"]["status_words"] == "report only"
    assert not any(
        each["path"].startswith("run/") for each in client.get(AT).json()["files"]
    )  # results are no inputs
    assert found["map"] == "ok"
    assert {"country.html", "country.xlsx", "manifest.json"} <= {file["name"] for file in found["files"]}
    page = client.get(f"{AT}/map")
    assert page.status_code == 200
    assert "Threeland" in page.text
    assert [(r["id"], r["state"], r["met"], r["not_met"], r["map"]) for r in found["regions"]] == [
        ("a", "done", 1, 1, False), ("b", "done", 1, 1, False), ("c", "failed", None, None, False),
    ]  # fmt: skip
    assert [(r["rank"], r["seconds"], r["reason"]) for r in found["regions"]] == [
        (1, 2.5, ""), (1, None, ""), (None, None, REASON),
    ]  # fmt: skip
    assert [row["action_id"] for row in client.get(f"{AT}/plan").json()["plan"]["actions"]] == ["p", "q", "r"]
    assert not found["national_map"]
    (out / "national" / "map.html").write_text("of the whole", "utf-8")
    assert client.get(f"{AT}/national/map.html").text == "of the whole"
    (out / "regions" / "a" / "map.html").write_text("its own map", "utf-8")
    assert client.get(f"{AT}/regions/a/map.html").text == "its own map"
    assert client.get(f"{AT}/regions/b/map.html").status_code == 404
    for map_, way in (("regions/a/map.html", "../../country.html"), ("national/map.html", "../country.html")):
        assert client.get(urljoin(f"{AT}/{map_}", way)).text == page.text  # the way back from a region's map
    with zipfile.ZipFile(io.BytesIO(client.get(f"{AT}/handover").content)) as archive:
        assert {n.partition("/")[2] for n in archive.namelist()} >= {"country.html", "regions/a/map.html"}
    assert client.get("/api/home").json()["projects"][0]["run"]
    result = json.loads((out / "country.json").read_text("utf-8"))
    (out / "country.json").write_text("{", "utf-8")
    assert client.get(f"{AT}/results").status_code == 422
    result["regions"][0]["rank"], result["regions"][1]["rank"] = 2, 1
    (out / "country.json").write_text(json.dumps(result), "utf-8")
    assert [r["id"] for r in client.get(f"{AT}/results").json()["regions"]] == ["b", "a", "c"]
    (out / "country.json").unlink()  # before the first run has ended
    found = client.get(f"{AT}/results").json()
    assert not found["there"]
    assert [(r["id"], r["state"], r["seconds"]) for r in found["regions"]] == [
        ("a", "done", 2.5), ("b", "done", None), ("c", "failed", None),
    ]  # fmt: skip

"""Downloading from a local stand-in for Overpass and Nominatim that misbehaves as told."""

from __future__ import annotations

import gzip
import json
import math
import shutil
import threading
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import osmium
import pytest
import shapely
from conftest import HANGS_S
from osm_xml import node, osm_xml
from plugspan.errors import InputError, NetworkError, OutputExistsError
from plugspan.network import Region, fetch_osm, read_osm
from plugspan.network.download import overpass_query, quarters, tiles
from plugspan.network.http_fetch import parse_retry_after

REGION = Region.from_bbox(10, 50, 10.01, 50.01, halo_m=0)
GOOD = osm_xml(
    [node(1, 0, 0), node(2, 5, 0), (3, 10.002, 50.002, {"amenity": "charging_station"})],
    [(7, [1, 2], {"highway": "primary"})],
)
REMARK = "<osm version='0.6'><remark>runtime error: Query timed out in \"query\" at line 1</remark></osm>"


class Stand:
    """A server on this machine: gives answers in turn, the last one for ever; remembers what was asked."""

    def __init__(self):
        self.answers = []
        self.asked = []
        stand = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                size = int(self.headers.get("Content-Length") or 0)
                body = parse_qs(self.rfile.read(size).decode())
                stand.asked.append((self.path, body, dict(self.headers)))
                script = stand.answers.pop(0) if len(stand.answers) > 1 else stand.answers[0]
                script(self)

            do_GET = do_POST = answer  # noqa: N815

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


def reply(body="", status=200, **headers):
    """Answer with a body."""

    def script(handler):
        data = body.encode() if isinstance(body, str) else body
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return script


def hang_up(handler):
    """Close the line without a word."""
    handler.close_connection = True


def cut_off(handler):
    """Promise more than is sent."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(GOOD.encode()[:100])
    handler.close_connection = True


GRACE = "plugspan.network.http_fetch.GRACE_S"
CLIENT_GONE = threading.Event()


def too_slow(handler):
    """Say nothing for as long as the client waits."""
    CLIENT_GONE.wait(HANGS_S)
    hang_up(handler)


def endless(handler):
    """Send for ever."""
    handler.send_response(200)
    handler.end_headers()
    with suppress(OSError):
        while True:
            handler.wfile.write(b" " * 100_000)
    handler.close_connection = True


def letter_by_letter(handler):
    """Never stop to send, and never send much."""
    handler.send_response(200)
    handler.end_headers()
    with suppress(OSError):
        while not CLIENT_GONE.wait(0.02):
            handler.wfile.write(b" ")
    handler.close_connection = True


def head_without_end(handler):
    """Send a header letter by letter."""
    with suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not CLIENT_GONE.wait(0.02):
            handler.wfile.write(b"x")
    handler.close_connection = True


@pytest.fixture
def stand(monkeypatch):
    """The stand-in server; the client is patient with it."""
    monkeypatch.setattr(GRACE, HANGS_S)
    CLIENT_GONE.clear()
    stand = Stand()
    yield stand
    CLIENT_GONE.set()
    stand.server.shutdown()
    stand.server.server_close()


@pytest.fixture
def fetch(stand, tmp_path):
    """Download with the stand-in; waiting times and lines said are kept in ``fetch.waits`` and ``.lines``."""

    def run(region=REGION, out="a.osm.pbf", **options):
        settings = {
            "retries": 3,
            "timeout_s": 0.1,
            "log": run.lines.append,
            "sleep": run.waits.append,
            **options,
        }
        return fetch_osm(region, tmp_path / out, endpoint=stand.url, nominatim=stand.url, **settings)

    run.waits, run.lines = [], []
    return run


@pytest.mark.parametrize("out", ["a.osm.pbf", "a.osm", "a.osm.gz", "deep/er/a.osm.bz2"])
def test_what_is_downloaded_can_be_read(stand, fetch, out):
    """Roads and features, in any format; the server is asked once, politely, for the right place."""
    stand.answers = [reply(GOOD)]
    extract = read_osm(fetch(out=out))
    assert extract.roads.n_segments == 1
    assert extract.features["charging"].osm_id.tolist() == [3]
    [(path, body, headers)] = stand.asked
    assert path == "/interpreter"
    assert "[bbox:50.0000000,10.0000000,50.0100000,10.0100000]" in body["data"][0]
    assert "plugspan" in headers["User-Agent"]
    assert fetch.lines[0] == "downloading part 1 of 1"
    assert not fetch.waits


def test_the_cache_spares_the_server(stand, fetch, tmp_path):
    """The second download asks nothing; a damaged or outdated answer is asked for again."""
    stand.answers = [reply(GOOD)]
    fetch()
    fetch(out="b.osm")
    assert len(stand.asked) == 1
    [kept] = (tmp_path / ".osm-cache").iterdir()
    kept.write_bytes(kept.read_bytes()[:50])
    fetch(out="c.osm")
    assert len(stand.asked) == 2
    fetch(out="d.osm", cache_dir=tmp_path / "other")
    assert len(stand.asked) == 3


@pytest.mark.parametrize(
    "trouble",
    [
        reply(status=429),
        reply("busy", 504),
        reply(status=503),
        hang_up,
        cut_off,
        too_slow,
        reply("<html>rate limited</html>"),
        reply(GOOD[:-30]),
        reply('{"elements": ['),
        reply("<osm><node id='x' lat='a'/></osm>"),
        reply(b"\xff\xfe"),
        reply(""),
    ],
)
def test_passing_troubles_are_waited_out(stand, fetch, monkeypatch, trouble):
    """Two failures, then success: waits of 5 and 10 seconds, told in words; nothing bad is cached."""
    stand.answers = [trouble, trouble, reply(GOOD)]
    waits = []

    def wait(seconds):
        waits.append(seconds)
        monkeypatch.setattr(GRACE, HANGS_S if len(waits) == 2 else 0.1)

    if trouble is too_slow:
        monkeypatch.setattr(GRACE, 0.1)
    assert read_osm(fetch(sleep=wait if trouble is too_slow else waits.append)).roads.n_segments == 1
    assert waits == [5, 10]
    assert "waiting 10 s before try 3" in fetch.lines[2]


def test_the_server_says_how_long_to_wait(stand, fetch):
    """``Retry-After`` in seconds counts if it is longer than our own wait, up to ten minutes."""
    answers = [
        reply(status=429, Retry_After="42"),
        reply(status=429, Retry_After="99999"),
        reply(status=429, Retry_After="1"),
    ]
    stand.answers = [*answers, reply(GOOD)]
    fetch()
    assert fetch.waits == [42, 600, 20]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("Sun, 22 Nov 2026 10:01:00 GMT", 60),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0),
        ("soon", 0),
        ("", 0),
        (None, 0),
        ("-3", 0),
        ("9" * 5000, 0),
        ("Sun, 22 Nov 99999999999999 10:00:00 GMT", 0),
    ],
)
def test_forms_of_retry_after(monkeypatch, value, seconds):
    """A number of seconds or a date; anything else is no wish."""
    now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC).timestamp()
    with monkeypatch.context() as patch:
        patch.setattr("time.time", lambda: now)
        assert parse_retry_after(value) == seconds


@pytest.mark.parametrize(
    ("trouble", "key", "tries"),
    [
        (reply(status=429), "download-busy", 4),
        (reply(status=504), "download-busy", 4),
        (too_slow, "download-timeout", 4),
        (hang_up, "download-unreachable", 4),
        (reply("<html></html>"), "download-garbled", 4),
        (reply("bad query", 400), "download-refused", 1),
        (reply(status=404), "download-refused", 1),
        (reply("<osm version='0.6'></osm>"), "download-no-roads", 1),
    ],
)
def test_lasting_troubles_end_with_a_remedy(stand, fetch, tmp_path, monkeypatch, trouble, key, tries):
    """A clear error in both languages after the last try, and no file, whole or in part."""
    stand.answers = [trouble]
    if trouble is too_slow:
        monkeypatch.setattr(GRACE, 0.1)
    with pytest.raises(NetworkError) as caught:
        fetch()
    assert caught.value.key == key
    assert len(stand.asked) == tries
    assert caught.value.render("zh") != caught.value.render("en")
    assert [p.name for p in tmp_path.iterdir() if p.name != ".osm-cache"] == []


def test_no_server_at_all(tmp_path):
    """A closed port, a name nobody has: told after seconds, not minutes, with how to go on without internet."""
    for address in ("http://127.0.0.1:9", "http://overpass.invalid"):
        waits = []
        with pytest.raises(NetworkError, match="geofabrik") as caught:
            fetch_osm(REGION, tmp_path / "a.osm", endpoint=address, sleep=waits.append)
        assert caught.value.key == "download-unreachable"
        assert caught.value.values["tries"] == 2
        assert sum(waits) <= 5


def test_a_failure_leaves_the_old_file(stand, fetch, tmp_path):
    """An existing file is replaced only if asked, and only by a complete one."""
    stand.answers = [reply(GOOD)]
    old = fetch()
    before = old.read_bytes()
    stand.answers = [reply(status=400)]
    with pytest.raises(OutputExistsError, match="--overwrite") as caught:
        fetch()
    assert "--out " not in str(caught.value)
    shutil.rmtree(tmp_path / ".osm-cache")
    with pytest.raises(NetworkError):
        fetch(overwrite=True)
    assert old.read_bytes() == before
    stand.answers = [reply(GOOD)]
    assert read_osm(fetch(overwrite=True)).roads.n_segments == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == [".osm-cache", "a.osm.pbf"]


@pytest.mark.parametrize("suffix", [".osm.pbf", ".osm", ".osm.gz", ".osm.bz2"])
def test_road_data_from_elsewhere_are_never_replaced(stand, fetch, tmp_path, suffix):
    """Not by ``--overwrite`` either: an extract of another program, or what is no road data at all."""
    stand.answers = [reply(GOOD)] * 3
    own = fetch(out=f"own{suffix}")
    fetch(out=f"own{suffix}", overwrite=True)
    theirs = tmp_path / f"theirs{suffix}"
    with osmium.SimpleWriter(str(theirs)) as writer:
        for item in osmium.FileProcessor(str(own)):
            writer.add(item)
    (tmp_path / f"rubbish{suffix}").write_bytes(b"old")
    for name in ("theirs", "rubbish"):
        before = (tmp_path / f"{name}{suffix}").read_bytes()
        with pytest.raises(OutputExistsError, match="not made by plugspan"):
            fetch(out=f"{name}{suffix}", overwrite=True)
        assert (tmp_path / f"{name}{suffix}").read_bytes() == before


def test_an_unknown_suffix_is_refused_before_anything_is_asked(stand, fetch):
    """``roads.shp`` can't be written."""
    with pytest.raises(InputError):
        fetch(out="roads.shp")
    assert not stand.asked


def test_what_is_too_much_is_asked_for_in_quarters(stand, fetch):
    """A query that times out on the server is split in four; objects in several parts are written once."""
    stand.answers = [reply(REMARK), reply(GOOD)]
    extract = read_osm(fetch())
    assert len(stand.asked) == 5
    assert extract.report.ways == 1
    assert fetch.lines[1] == "too much for the server, trying in quarters"


def test_what_is_always_too_much_ends(stand, fetch):
    """After three splits it is given up: 1 + 1 + 1 + 1 questions."""
    stand.answers = [reply(REMARK)]
    with pytest.raises(NetworkError) as caught:
        fetch()
    assert caught.value.key == "download-too-much"
    assert len(stand.asked) == 4


def test_an_interrupted_download_goes_on_where_it_stopped(stand, fetch):
    """Three tiles: the second fails for good; the next run asks for the second and third only."""
    region = Region.from_bbox(10, 50, 10.03, 50.01, halo_m=0)
    stand.answers = [reply(GOOD), reply(status=400)]
    with pytest.raises(NetworkError):
        fetch(region, tile_km=0.8)
    done = len(stand.asked)
    stand.answers = [reply(GOOD)]
    fetch(region, tile_km=0.8)
    assert done == 2
    assert len({body["data"][0] for _, body, _ in stand.asked}) == len(stand.asked) - 1


@pytest.mark.parametrize("answer", [endless, reply(gzip.compress(bytes(3_000_000)), Content_Encoding="gzip")])
def test_an_answer_that_is_too_large_is_broken_off(stand, fetch, monkeypatch, answer):
    """A body without end, and a small one that unpacks to more: not asked again, but tried in quarters three times."""
    monkeypatch.setattr("plugspan.network.http_fetch.MOST_MB", 2)
    stand.answers = [answer]
    with pytest.raises(NetworkError) as caught:
        fetch()
    assert caught.value.key == "download-too-large"
    assert caught.value.render("zh") != caught.value.render("en")
    assert len(stand.asked) == 4
    assert not fetch.waits


@pytest.mark.parametrize("answer", [letter_by_letter, head_without_end])
def test_an_answer_that_comes_letter_by_letter_is_given_up(stand, fetch, monkeypatch, answer):
    """It never times out by itself; told after one more try."""
    monkeypatch.setattr("plugspan.network.http_fetch.TRANSFER_S", 0.2)
    stand.answers = [answer]
    with pytest.raises(NetworkError) as caught:
        fetch()
    assert (caught.value.key, caught.value.values["tries"]) == ("download-too-slow", 2)
    assert caught.value.render("zh") != caught.value.render("en")


def test_packed_answers_are_unpacked(stand, fetch):
    """As servers send them; what is packed otherwise, cut off or not packed at all is asked for again."""
    packed = gzip.compress(GOOD.encode())
    wrong = [
        reply(body, Content_Encoding=how)
        for body, how in ((packed, "br"), (packed[:-20], "gzip"), (GOOD, "gzip"))
    ]
    stand.answers = [*wrong, reply(packed + b"more", Content_Encoding="gzip")]
    assert read_osm(fetch()).roads.n_segments == 1
    assert len(stand.asked) == 4


# -- names -------------------------------------------------------------------------------------------------
def found(*shapes):
    """Answer of the search for a name."""
    results = [{"display_name": "株洲市, 湖南省", "geojson": shapely.geometry.mapping(s)} for s in shapes]
    return reply(json.dumps(results))


def test_a_region_by_name(stand, fetch):
    """The first result with an area counts; its halo is added; what was found is said."""
    point, area = shapely.Point(10, 50), shapely.box(10, 50, 10.01, 50.01)
    stand.answers = [found(point, area), reply(GOOD)]
    fetch("株洲市", halo_m=1000, lang="zh")
    query = urlsplit(stand.asked[0][0])
    assert query.path == "/search"
    assert parse_qs(query.query)["q"] == ["株洲市"]
    south = float(stand.asked[1][1]["data"][0].split("[bbox:")[1].split(",")[0])
    assert south == pytest.approx(50 - 1000 / 111_230, abs=1e-4)
    assert "找到：株洲市, 湖南省" in fetch.lines


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (reply("[]"), "download-no-area"),
        (found(shapely.Point(1, 1)), "download-no-area"),
        (
            reply('[{"geojson": {"type": "Polygon", "coordinates": "x"}}, {"geojson": null}, {}]'),
            "download-no-area",
        ),
        (
            reply(
                '[{"geojson": {"type": "Polygon", "coordinates": [[[1, NaN], [2, 2], [3, 1], [1, NaN]]]}}]'
            ),
            "download-no-area",
        ),
        (
            reply('[{"geojson": {"type": "Polygon", "coordinates": [[[1, 1], [2, 2], [3, 1]]]}}]'),
            "download-no-area",
        ),
        (
            reply('[{"geojson": {"type": "Polygon", "coordinates": [[[1, 1], [999, 2], [3, 1], [1, 1]]]}}]'),
            "region-off-globe",
        ),
        (reply('[{"geojson": ' + "[" * 100_000), "download-garbled"),
        (reply('[{"geojson": '), "download-garbled"),
        (reply('{"error": "x"}'), "download-garbled"),
        (reply("[1]"), "download-garbled"),
        (reply(status=403), "download-refused"),
    ],
)
def test_names_that_lead_nowhere(stand, fetch, answer, key):
    """Unknown names, points, broken shapes, cut-off and foreign answers."""
    stand.answers = [answer]
    with pytest.raises(NetworkError) as caught:
        fetch("Nowhere")
    assert caught.value.key == key


# -- tiles -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "polygon",
    [
        REGION.polygon,
        shapely.box(112, 26, 114.5, 28.5),
        shapely.Point(113, 27).buffer(1.5),
        shapely.box(15, 69, 20, 71),
    ],
)
def test_tiles_cover_the_region_and_no_more(polygon):
    """Together they hold all of it; each touches it and is no wider than asked."""
    boxes = [shapely.box(*box) for box in tiles(polygon, 50)]
    assert shapely.union_all(boxes).buffer(1e-9).covers(polygon)
    assert all(box.intersects(polygon) for box in boxes)
    for west, south, east, north in tiles(polygon, 50):
        assert (north - south) * 111.2 <= 50.001
        middle = math.radians((polygon.bounds[1] + polygon.bounds[3]) / 2)
        assert (east - west) * 111.2 * math.cos(middle) <= 50.001


def test_quarters_make_up_the_whole():
    """Four parts, same area."""
    parts = [shapely.box(*q) for q in quarters((1, 2, 5, 10))]
    assert shapely.union_all(parts).equals(shapely.box(1, 2, 5, 10))
    assert sum(p.area for p in parts) == pytest.approx(32)


def test_the_query_asks_for_all_that_is_read():
    """Each tag that a feature rule looks at is in the query; provinces and countries are not."""
    from plugspan.network.osm.features import KEYS, TAGS

    query = overpass_query((10, 50, 11, 51), 180)
    assert "[out:xml][timeout:180]" in query
    for key, values in TAGS.items():
        assert f'"{key}"~"^({"|".join(values)})$"' in query
    assert all(f'nwr["{key}"]' in query for key in KEYS)
    assert '"admin_level"~"^([5-9]|1[0-2])$"' in query

"""Images decoded here: every form, every limit, and that a URL leads nowhere it should not."""

from __future__ import annotations

import base64
import gzip
import socket
import threading
from ipaddress import ip_address

import pytest
from local_models import PNG, PNG_BYTES, PNG_URL, encoded_image, fake_class, image_server

from minidb import QdrantClient, errors, inference, models
from minidb.inference import ImageRules, InferenceContext, InferenceSettings, Request
from minidb.inference.fetch import fetch, is_public

LOOPBACK = ImageRules(allow_private_addresses=True, timeout_seconds=60)


def get(url, rules=LOOPBACK, context=None):
    return fetch(url, rules, context or InferenceContext())


# Fetching


def test_row_069_an_image_is_fetched_with_one_request(images):
    assert get(images.image("/a.png")) == PNG_BYTES
    ((path, headers),) = images.requests
    assert path == "/a.png"
    assert headers["host"] == f"127.0.0.1:{images.port}"
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433"])
def test_private_addresses_are_refused_however_they_are_written(images, host):
    images.image("/a.png")
    with pytest.raises(errors.InferenceError, match="an address of this machine or its network"):
        get(f"http://{host}:{images.port}/a.png", ImageRules())
    assert not images.requests


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "192.0.2.1", "fec0::1",
    ],
)  # fmt: skip
def test_which_addresses_are_private(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_which_addresses_are_public(address):
    assert is_public(ip_address(address))


def answers_of(*addresses):
    return lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in addresses]


def test_a_name_with_one_private_address_is_refused(images, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", answers_of("93.184.216.34", "127.0.0.1"))
    with pytest.raises(errors.InferenceError, match=r"leads to 127\.0\.0\.1"):
        get(f"http://innocent.example:{images.port}/a.png", ImageRules())


def test_the_connection_goes_to_the_address_that_was_checked(images, monkeypatch):
    images.image("/a.png")
    lookups = []
    real = socket.getaddrinfo

    def resolve(host, *rest, **named):
        lookups.append(host)
        return answers_of("127.0.0.1")() if host == "changing.example" else real(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert get(f"http://changing.example:{images.port}/a.png") == PNG_BYTES
    assert lookups.count("changing.example") == 1
    assert images.requests[0][1]["host"] == f"changing.example:{images.port}"


def test_a_redirect_to_a_private_address_is_refused(images, monkeypatch):
    """The first hop is public by its name's address; where it leads is not."""
    from minidb.inference import fetch as module

    images.image("/secret.png")
    images.redirect("/a.png", f"http://localhost:{images.port}/secret.png")
    monkeypatch.setattr(module, "is_public", lambda address, real=is_public: len(images.requests) == 0 or real(address))
    with pytest.raises(errors.InferenceError, match="leads to"):
        get(f"{images.address}/a.png", ImageRules())
    assert [path for path, _ in images.requests] == ["/a.png"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(images, status):
    images.image("/b.png")
    assert get(images.redirect("/a.png", "b.png", status)) == PNG_BYTES


def test_redirects_have_an_end(images):
    url = images.redirect("/a.png", "/a.png")
    with pytest.raises(errors.InferenceError, match="redirects more than 5 times"):
        get(url)
    assert len(images.requests) == 6


def test_a_redirect_that_leads_nowhere_is_an_error(images):
    images.routes["/a.png"] = (302, {"Content-Length": "0"}, b"")
    with pytest.raises(errors.InferenceError, match="answers with status 302"):
        get(images.address + "/a.png")


def test_an_image_that_names_a_location_is_the_image(images):
    images.routes["/a.png"] = (200, {"Content-Type": "image/png", "Location": "/b.png"}, PNG_BYTES)
    assert get(images.address + "/a.png") == PNG_BYTES
    assert [path for path, _ in images.requests] == ["/a.png"]


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/a", "file:///etc/passwd", "http://u:p@127.0.0.1/", "data:,x"])
def test_redirects_lead_to_http_only(images, target):
    with pytest.raises(errors.InferenceError, match="no http or https address"):
        get(images.redirect("/a.png", target))


def test_row_071_a_length_beyond_the_limit_is_not_read(images):
    images.routes["/a.png"] = (200, {"Content-Type": "image/png", "Content-Length": "999999999"}, b"")
    with pytest.raises(errors.InferenceError, match="is larger than the 20000000 bytes"):
        get(images.address + "/a.png")


def test_row_071_an_endless_image_is_left_at_the_limit(images):
    images.routes["/a.png"] = lambda: (200, {"Content-Type": "image/png"}, (b"x" * 65536 for _ in range(100_000)))
    with pytest.raises(errors.InferenceError, match="is larger than the 100000 bytes"):
        get(images.address + "/a.png", ImageRules(max_bytes=100_000, allow_private_addresses=True))


@pytest.mark.parametrize(
    ("route", "message"),
    [
        ((404, {}, b""), "answers with status 404"),
        ((500, {}, b""), "answers with status 500"),
        ((200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>"), "is 'text/html', not an image"),
        ((200, {"Content-Type": "image/png", "Content-Encoding": "gzip"}, gzip.compress(PNG_BYTES)), "compressed"),
    ],
)
def test_what_is_no_image(images, route, message):
    images.routes["/a"] = route
    with pytest.raises(errors.InferenceError, match=message):
        get(images.address + "/a")


def test_a_slow_image_is_left_at_the_limit(images):
    left = threading.Event()

    def trickle():
        while not left.wait(0.02):
            yield b"x"

    images.routes["/a"] = lambda: (200, {}, trickle())
    with pytest.raises(errors.InferenceError, match=r"takes longer than 0.1 s|Timeout"):
        get(images.address + "/a", ImageRules(allow_private_addresses=True, timeout_seconds=0.1))
    with pytest.raises(errors.Timeout):
        get(images.address + "/a", LOOPBACK, InferenceContext(timeout=0.1))
    left.set()


@pytest.mark.parametrize("url", ["http://no-such-host.invalid/a.png", "http://127.0.0.1:1/a.png", "http://[::bad/"])
def test_an_image_that_is_not_there(url):
    with pytest.raises(errors.InferenceError, match="the image http"):
        get(url)


def test_a_caller_that_is_not_trusted_reaches_nothing_private(images):
    url = images.image("/a.png")
    with pytest.raises(errors.InferenceError, match="an address of this machine"):
        get(url, LOOPBACK, InferenceContext(trusted=False))


# Decoding


def load(content, rules=LOOPBACK, trusted=True):
    pytest.importorskip("PIL")
    from minidb.inference.images import load_image

    context = InferenceContext(trusted=trusted)
    return load_image(content, Request("m", [], {}, {}, "update", context, InferenceSettings(images=rules)))


@pytest.mark.parametrize("content", [PNG, PNG_URL, PNG_BYTES, bytearray(PNG_BYTES), f" {PNG[:40]}\n{PNG[40:]}"])
def test_rows_007_008_070_base64_data_url_and_bytes(content):
    image = load(content)
    assert (image.size, image.format) == ((10, 10), "PNG")


def test_row_006_a_url(images):
    assert load(images.image("/a.png")).size == (10, 10)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_formats(form):
    pytest.importorskip("PIL")
    assert load(encoded_image((5, 6), form=form)).size == (5, 6)


@pytest.mark.parametrize("form", ["TIFF", "BMP", "PPM"])
def test_row_071_other_formats_are_refused(form, images):
    pytest.importorskip("PIL")
    data = encoded_image(form=form)
    with pytest.raises(errors.InferenceError, match="is no PNG, JPEG, WEBP, GIF"):
        load(data)
    with pytest.raises(errors.InferenceError, match=r"from http://127.*a\.tiff is no PNG"):
        load(images.image("/a.tiff", data))


def test_row_071_sizes():
    pytest.importorskip("PIL")
    data = encoded_image((100, 100))
    with pytest.raises(errors.InferenceError, match="100 x 100 pixels, at most 9999"):
        load(data, ImageRules(max_pixels=9999))
    for content in (data, base64.b64encode(data).decode()):
        with pytest.raises(errors.InferenceError, match=f"an image has {len(data)} bytes, at most 50"):
            load(content, ImageRules(max_bytes=50))
    with pytest.raises(errors.InferenceError, match="more than the 50 bytes"):
        load("A" * 5000, ImageRules(max_bytes=50))


@pytest.mark.parametrize("damage", [slice(0, 50), slice(8, None), slice(0, 30)])
def test_a_damaged_image_is_an_error(damage):
    with pytest.raises(errors.InferenceError, match=r"cannot be (read|decoded)|is no PNG"):
        load(PNG_BYTES[damage])


@pytest.mark.parametrize("content", ["no base64!", "data:text/plain;base64,AAAA", "", 7, None, {"url": "x"}, ["x"]])
def test_what_is_no_form_of_an_image(content):
    with pytest.raises(errors.InferenceError, match="must be an http"):
        load(content)


def test_local_files_only_when_allowed(tmp_path):
    path = tmp_path / "a picture.png"
    path.write_bytes(PNG_BYTES)
    allowed = ImageRules(allow_files=True)
    for content in (path, str(path), path.as_uri()):
        with pytest.raises(errors.InferenceError, match="allow_files=True"):
            load(content, ImageRules())
        with pytest.raises(errors.InferenceError, match="allow_files=True"):
            load(content, allowed, trusted=False)
        assert load(content, allowed).size == (10, 10)
    with pytest.raises(errors.InferenceError, match="cannot be read: No such file"):
        load(tmp_path / "none.png", allowed)


# Through the client


@pytest.fixture
def vision(monkeypatch, fresh_models):
    fastembed = pytest.importorskip("fastembed")
    from minidb.inference import weights

    fake = fake_class("image", "Qdrant/clip-ViT-B-32-vision")
    monkeypatch.setattr(fastembed, "ImageEmbedding", fake)
    monkeypatch.setattr(weights, "is_reachable", lambda: True)
    return fake


def image(content, **options):
    return models.Image(image=content, model="qdrant/clip-vit-b-32-vision", options=options or None)


def open_client(**settings):
    client = QdrantClient(":memory:", **settings)
    client.create_collection("c", {"v": models.VectorParams(size=3, distance="Dot")})
    return client


def test_rows_068_069_an_image_by_url_is_fetched_once_for_all_points(vision, images):
    url = images.image("/a.png")
    with open_client(image_rules=LOOPBACK) as client:
        client.upsert("c", [models.PointStruct(id=i, vector={"v": image(url)}) for i in range(3)])
        assert client.count("c").count == 3
    assert len(images.requests) == 1
    assert [size for _, size, _ in vision.instances[0].calls] == [1]


def test_many_images_are_fetched_side_by_side(vision):
    with image_server() as server, open_client(image_rules=LOOPBACK) as client:
        together = threading.Barrier(8, timeout=60)

        def all_at_once():
            together.wait()
            return 200, {"Content-Type": "image/png"}, PNG_BYTES

        server.routes.update({f"/{i}.png": all_at_once for i in range(8)})
        points = [models.PointStruct(id=i, vector={"v": image(f"{server.address}/{i}.png")}) for i in range(8)]
        client.upsert("c", points)
        assert len(server.requests) == 8


def test_an_image_that_cannot_be_had_leaves_the_store_as_it_was(vision, images):
    with open_client() as client:
        points = [
            models.PointStruct(id=1, vector={"v": image(PNG)}),
            models.PointStruct(id=2, vector={"v": image(images.image("/a.png"))}),
        ]
        with pytest.raises(errors.InferenceError, match="an address of this machine"):
            client.upsert("c", points)
        assert client.count("c").count == 0
    assert not images.requests
    assert not vision.instances


def test_a_url_goes_to_a_provider_that_fetches_it_itself(images):
    registry = inference.Registry()

    class Provider:
        slow = True

        def embed(self, request):
            return [[1.0, 2.0, 3.0] for _ in request.inputs]

    registry.register("jinaai/", lambda model: Provider())
    inference.resolve(
        models.Image(image=images.image("/a.png"), model="jinaai/m"), operation="update", registry=registry
    )
    assert not images.requests

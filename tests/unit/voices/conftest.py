"""Voice stores: in a folder, and on an S3 server on loopback."""

import secrets

import pytest

from configs.app import Voices
from voices.store import VoiceDraft, VoiceStore

CLIP = b"fLaC" + bytes(range(256)) * 4


def draft(name, *, owner="ann", clip=CLIP, **fields):
    return VoiceDraft(name=name, owner=owner, clip=clip, duration_s=4.2, **fields)


@pytest.fixture(scope="session")
def s3_options():
    """An S3 server with an empty bucket, as fsspec's options."""
    server_module = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    server = server_module.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {
        "key": "test",
        "secret": "test",
        "client_kwargs": {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"},
    }
    s3fs.S3FileSystem(skip_instance_cache=True, **options).call_s3("create_bucket", Bucket="voices")
    yield options
    server.stop()


@pytest.fixture(params=["folder", "s3", "memory"])
def settings(request, tmp_path):
    """Settings of an empty store: each of its kinds in turn."""
    if request.param == "folder":
        return Voices(store=str(tmp_path / "store"), max_per_owner=3)
    if request.param == "memory":
        return Voices(store=f"memory://{secrets.token_hex(8)}", max_per_owner=3)
    options = request.getfixturevalue("s3_options")
    url = f"s3://voices/{secrets.token_hex(8)}"
    return Voices(store=url, store_options=options, max_per_owner=3)


@pytest.fixture
def store(settings):
    return VoiceStore.open(settings)


@pytest.fixture
def other(settings):
    """The same store, opened by another replica."""
    return VoiceStore.open(settings)

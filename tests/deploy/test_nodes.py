"""Several nodes: everything is there twice, and a node that dies takes nothing with it for long."""

import time

import httpx
import pytest
import ray
from crowd import CUT, TTS, ask, crowd
from loopback import wait_until
from own_service import OwnService, events
from ray import serve
from ray._common.utils import reset_ray_address
from ray._private.authentication.authentication_token_setup import enable_token_auth_by_default
from ray.cluster_utils import Cluster

from configs.environment import set_for_children
from serve_app.local_service import DOOR, PROXY_CALLBACK

SPREAD = ("Ingress", "AudioProcessor", "CosyVoice")
HEAD, *WORKERS = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
"""Every address of 127.0.0.0/8 is this machine."""


@pytest.fixture(scope="module")
def nodes(temp_dir, empty_logs):
    """A head without CPUs, and two workers; their addresses differ, their machine does not."""
    set_for_children({PROXY_CALLBACK: DOOR})
    enable_token_auth_by_default()
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "node_ip_address": HEAD, "temp_dir": str(temp_dir)},
    )
    try:
        for address in WORKERS:
            cluster.add_node(num_cpus=1, node_ip_address=address)
        ray.init(address=cluster.address, namespace="serve", log_to_driver=False)
        yield cluster
    finally:
        if ray.is_initialized():
            serve.shutdown()
            ray.shutdown()
        cluster.shutdown()
        reset_ray_address()


@pytest.fixture(scope="module")
def service(nodes):
    service = OwnService()
    service.deploy("nodes.yaml")
    service.await_strength()
    return service


@pytest.fixture
def client(service):
    with httpx.Client(base_url=service.url, timeout=120) as client:
        yield client


def raylet(node):
    """The process from which all workers of ``node`` descend."""
    (info,) = node.all_processes["raylet"]
    return info.process.pid


def nodes_of(service, deployment):
    return [replica.ppid() for replica in service.replicas(deployment)]


def test_replicas_are_on_both_nodes(nodes, service):
    raylets = sorted(map(raylet, nodes.worker_nodes))
    assert len(raylets) == 2
    for deployment in SPREAD:
        assert sorted(nodes_of(service, deployment)) == raylets


def test_metrics_come_from_all_nodes(client):
    def page():
        text = client.get("/api/metrics").text
        return text if all(f'node="{address}"' in text for address in WORKERS) else None

    page = wait_until(page)
    for address in (HEAD, *WORKERS):
        assert f'tts_metrics_node_up{{node="{address}"}} 1.0' in page


def test_a_voice_is_spoken_on_every_node(client, service, make_clip):
    files = {"audio_sample": ("a.wav", make_clip("wav", seconds=5, channels=1))}
    fields = {"name": "everywhere", "consent": "true", "transcript": "words"}
    response = client.post("/v1/audio/voices", data=fields, files=files)
    assert response.status_code in (200, 201), response.text
    before = len(events())

    def speakers():
        response = client.post(TTS, json={"text": "chunks=1", "voice_type": "everywhere"})
        assert response.status_code == 200, response.text
        return {pid for pid, event in events()[before:] if event == "begins"}

    replicas = {replica.pid for replica in service.replicas("CosyVoice")}
    wait_until(lambda: speakers() == replicas)


def test_a_node_dies_under_load(nodes, service, client):
    """What it had in hand is lost as with a replica; a new node brings everything back."""
    with crowd(service.url) as answers:
        wait_until(lambda: len(answers) >= 12)
        lost_node = next(iter(nodes.worker_nodes))
        nodes.remove_node(lost_node, allow_graceful=False)
        died_at = time.monotonic()
        wait_until(lambda: sum(answer.began > died_at for answer in answers) >= 24, 240)
        nodes.add_node(num_cpus=1, node_ip_address="127.0.0.5")
        service.await_strength()
    lost = [answer for answer in answers if not answer.is_whole]
    assert {answer.status for answer in lost} <= {CUT, 500, 503}, lost
    assert all(answer.is_whole for answer in answers[-12:])
    assert len(lost) <= 30, lost
    raylets = sorted(map(raylet, nodes.worker_nodes))
    for deployment in SPREAD:
        wait_until(lambda name=deployment: sorted(nodes_of(service, name)) == raylets)
    assert ask(client, chunks=2, delay_s=0, stream=True).is_whole

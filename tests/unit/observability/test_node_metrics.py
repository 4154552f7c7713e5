import asyncio

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deployments.node_metrics import NodePage, fetch_page, merge

PAGE = """\
# HELP ray_tts_requests_total Requests.
# TYPE ray_tts_requests_total counter
ray_tts_requests_total{application="tts",outcome="ok",replica="a",SessionName="s",WorkerId="w"} 3.0
ray_tts_requests_total{application="other",outcome="ok",replica="z"} 9.0
# HELP ray_tts_first_audio_seconds First audio.
# TYPE ray_tts_first_audio_seconds histogram
ray_tts_first_audio_seconds_bucket{application="tts",engine="e",le="1.0"} 2.0
ray_tts_first_audio_seconds_bucket{application="tts",engine="e",le="+Inf"} 3.0
ray_tts_first_audio_seconds_count{application="tts",engine="e"} 3.0
ray_tts_first_audio_seconds_sum{application="tts",engine="e"} 1.5
# HELP ray_serve_deployment_queued_queries Queued.
# TYPE ray_serve_deployment_queued_queries gauge
ray_serve_deployment_queued_queries{application="tts",deployment="MMS",handle="h",replica="r"} 4.0
# HELP ray_object_store_memory Ray's own.
# TYPE ray_object_store_memory gauge
ray_object_store_memory{Location="x"} 1.0
"""
OTHER = PAGE.replace('replica="a"', 'replica="b"')


def read(*pages):
    text = merge(pages, "tts").decode()
    return text, {family.name: family.samples for family in text_string_to_metric_families(text)}


def test_ours_are_picked_out_and_freed_of_labels_that_nobody_needs():
    text, families = read(NodePage("10.0.0.1", PAGE))
    (sample,) = families["tts_requests"]
    assert sample.name == "tts_requests_total"
    assert sample.value == 3.0
    assert sample.labels == {"application": "tts", "outcome": "ok", "replica": "a"}
    assert "object_store" not in text
    assert "other" not in text


def test_a_page_full_of_other_applications_is_read_as_far_as_needed(monkeypatch):
    parsed = []

    def parse(text):
        parsed.append(text)
        return text_string_to_metric_families(text)

    monkeypatch.setattr("deployments.node_metrics.text_string_to_metric_families", parse)
    _, families = read(NodePage("10.0.0.1", PAGE))
    assert families["tts_requests"]
    (text,) = parsed
    assert "ray_tts_requests_total" in text
    assert "other" not in text


def test_histograms_and_serves_own_come_through():
    _, families = read(NodePage("10.0.0.1", PAGE))
    buckets = {
        sample.labels.get("le"): sample.value for sample in families["tts_first_audio_seconds"]
    }
    assert buckets["1.0"] == 2.0
    assert buckets["+Inf"] == 3.0
    (queued,) = families["ray_serve_deployment_queued_queries"]
    assert queued.labels == {"application": "tts", "deployment": "MMS", "replica": "r"}


def test_nodes_are_put_together_with_one_head_for_each_metric():
    text, families = read(NodePage("10.0.0.1", PAGE), NodePage("10.0.0.2", OTHER))
    assert text.count("# TYPE tts_requests_total ") == 1
    assert {sample.labels["replica"] for sample in families["tts_requests"]} == {"a", "b"}


def test_a_node_that_does_not_answer_is_told():
    _, families = read(NodePage("10.0.0.1", PAGE), NodePage("10.0.0.2", None))
    up = {sample.labels["node"]: sample.value for sample in families["tts_metrics_node_up"]}
    assert up == {"10.0.0.1": 1.0, "10.0.0.2": 0.0}


def test_a_page_that_is_not_metrics_costs_only_its_own_node():
    broken = "ray_tts_requests_total{application= 1.0"
    _, families = read(NodePage("10.0.0.1", broken), NodePage("10.0.0.2", PAGE))
    up = {sample.labels["node"]: sample.value for sample in families["tts_metrics_node_up"]}
    assert up == {"10.0.0.1": 0.0, "10.0.0.2": 1.0}
    assert families["tts_requests"]


async def fetched(answer, timeout_s):
    """The page of a node on loopback that answers with ``answer(writer)``."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        try:
            await answer(writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    node = {"NodeManagerAddress": "127.0.0.1", "MetricsExportPort": port}
    try:
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            return await fetch_page(client, node, timeout_s)
    finally:
        server.close()


async def test_a_node_that_answers_gives_its_page():
    async def answer(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n# hi")
        await writer.drain()

    assert await fetched(answer, 60) == NodePage("127.0.0.1", "# hi")


async def test_a_node_that_trickles_is_given_up():
    async def answer(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            writer.write(b"#")
            await writer.drain()
            await asyncio.sleep(0.02)

    assert await fetched(answer, 0.3) == NodePage("127.0.0.1", None)


async def test_a_node_that_fails_is_told():
    async def answer(writer):
        writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    assert await fetched(answer, 60) == NodePage("127.0.0.1", None)

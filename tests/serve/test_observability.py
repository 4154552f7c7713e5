"""What operators see of a real service after real requests."""

import json
import re
import secrets
import shutil
import subprocess

import httpx
import pytest
import yaml
from loopback import free_port, wait_until
from prometheus_client.parser import text_string_to_metric_families

from configs.environment import PROJECT_ROOT

TTS = "/v1/model/cosyvoice/tts"
EXPECTED = {
    "tts_requests", "tts_characters", "tts_audio_seconds", "tts_first_audio_seconds",
    "tts_inference_seconds", "tts_real_time_factor", "tts_clip_cache_requests",
    "tts_voice_cache_requests", "tts_queue_wait_seconds", "tts_process_resident_bytes",
    "tts_ready", "tts_metrics_node_up",
    "ray_serve_deployment_replica_healthy", "ray_serve_replica_processing_queries",
}  # fmt: skip
GPU = re.compile("tts_gpu_")
NAME = re.compile(r"\b(?:ray_serve|tts)_[a-z_]+")
SUFFIX = re.compile("_(?:total|bucket|sum|count)$")


def families(client, prefix=""):
    page = client.get(f"{prefix}/api/metrics")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/plain")
    return {family.name: family.samples for family in text_string_to_metric_families(page.text)}


@pytest.fixture(scope="module")
def watched(cluster):
    """A service that has spoken whole and streamed, refused, and shown that it is ready."""
    with httpx.Client(base_url=cluster.use("speech.yaml"), timeout=120) as client:
        # Asking starts nothing here: the replica speaks by itself.
        wait_until(lambda: client.get("/readyz").status_code == 200)
        for stream in (False, True):
            answer = client.post(TTS, json={"text": "Hello there.", "stream": stream})
            assert answer.status_code == 200
        assert client.post(TTS, json={"text": "x", "voice_type": "nobody"}).status_code == 404
        late = {"text": "chunks=4 delay=0.5", "stream": True}
        assert client.post(f"/tone{TTS}", json=late).status_code == 200
        yield client


def test_every_metric_comes_after_real_requests(watched):
    wait_until(lambda: families(watched).keys() >= EXPECTED)
    found = families(watched)

    def total(name, **labels):
        return sum(
            sample.value
            for sample in found[name]
            if sample.name.endswith("_total") and labels.items() <= sample.labels.items()
        )

    def ended(outcome, at_least):
        found.update(families(watched))
        return total("tts_requests", outcome=outcome) >= at_least

    wait_until(lambda: ended("ok", 2))
    wait_until(lambda: ended("unknown_voice", 1))
    assert total("tts_characters", key="anonymous", engine="piper") >= 2 * len("Hello there.")
    assert total("tts_audio_seconds", key="anonymous", engine="piper") > 1.0
    assert {sample.value for sample in found["tts_metrics_node_up"]} == {1.0}
    assert 1.0 in {sample.value for sample in found["tts_ready"]}
    assert all(sample.value > 1e7 for sample in found["tts_process_resident_bytes"])


def test_a_stream_that_runs_dry_is_counted(watched):
    def underruns():
        return sum(sample.value for sample in families(watched, "/tone").get("tts_underruns", []))

    assert wait_until(underruns) >= 1


def test_another_applications_metrics_do_not_come(watched):
    labels = [sample.labels for samples in families(watched).values() for sample in samples]
    assert {each["application"] for each in labels if "application" in each} == {"embedded"}


def test_alive_asks_nothing_of_the_engines(watched):
    assert watched.get("/healthz").json() == {"status": "alive"}


def test_an_engine_that_cannot_speak_is_not_ready(watched):
    """The tone engine's application has a sentence that breaks it."""

    def found():
        answer = watched.get("/tone/readyz")
        problems = answer.json().get("problems", {})
        if "log" not in problems.get("cosyvoice", "") or "mms" in problems:
            return False  # a request that it spoke lately counts for a while
        return answer.status_code == 503

    wait_until(found)


LINE = re.compile(r"\| (?P<level>\w+) +\| (?P<process>\w+) \| (?P<id>[\w-]+) \| (?P<message>.*)")


@pytest.mark.parametrize(
    ("text", "status", "lines"),
    [
        ("Hello there.", 200, {
            ("INFO", "Ingress", "cosyvoice tts"), ("DEBUG", "AudioProcessor", "tone spoke"),
            ("DEBUG", "CosyVoice", "tone begins"),
        }),
        ("chunks=2 fail=1", 500, {
            ("ERROR", "Ingress", "cosyvoice tts"), ("ERROR", "AudioProcessor", "speak failed:"),
            ("DEBUG", "CosyVoice", "tone begins"), ("ERROR", "CosyVoice", "synthesize failed:"),
        }),
    ],
    ids=["spoken", "failed"],
)  # fmt: skip
def test_a_requests_id_is_in_the_lines_of_every_process(watched, logged, text, status, lines):
    request_id = f"lines-of-{secrets.token_hex(4)}"
    answer = watched.post(f"/tone{TTS}", json={"text": text}, headers={"x-request-id": request_id})
    assert answer.status_code == status

    def found():
        matches = [match for line in logged(request_id) if (match := LINE.search(line))]
        assert all(match["id"] == request_id for match in matches)
        begun = {(m["level"], m["process"], " ".join(m["message"].split()[:2])) for m in matches}
        return begun >= lines and begun

    assert wait_until(found) == lines


@pytest.fixture(scope="module")
def prometheus(watched, tmp_path_factory):
    """A real Prometheus that scrapes the service; gives the result of a query."""
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("Prometheus is not installed (Debian: prometheus)")
    folder = tmp_path_factory.mktemp("prometheus")
    config = yaml.safe_load((PROJECT_ROOT / "deploy/prometheus/prometheus.yml").read_text())
    # Ray's page is large by now: this cluster has had every replica of the tests before.
    config["global"] |= {"scrape_interval": "10s", "scrape_timeout": "10s"}
    del config["rule_files"]
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [watched.base_url.netloc.decode()]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    server = subprocess.Popen(
        [binary, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
         f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)

    def query(expression):
        answer = client.get("/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", answer
        return answer["data"]["result"]

    def is_scraped():
        try:
            if not client.get("/-/ready").is_success:
                return None  # it listens before it answers
            return query('up{job="tts"} == 1')
        except httpx.TransportError:
            return None

    try:
        wait_until(is_scraped)
        yield query
    finally:
        client.close()
        server.terminate()
        server.wait(30)


def expressions():
    dashboard = json.loads((PROJECT_ROOT / "deploy/grafana/dashboard.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    rules = yaml.safe_load((PROJECT_ROOT / "deploy/prometheus/alerts.yml").read_text())
    yield from (rule["expr"] for rule in rules["groups"][0]["rules"])


def test_every_query_of_the_dashboard_and_the_alerts_runs_on_metrics_that_exist(
    watched, prometheus
):
    pages = families(watched), families(watched, "/tone")
    known = {each.name for page in pages for samples in page.values() for each in samples}
    for expression in expressions():
        prometheus(expression)
        for name in NAME.findall(expression):
            if not GPU.match(name) and name != "ray_serve_deployment_queued_queries":
                assert name in known or SUFFIX.sub("", name) in known, name


def test_prometheus_sees_what_was_spoken(prometheus):
    (result,) = wait_until(lambda: prometheus("sum(tts_audio_seconds_total)"))
    assert float(result["value"][1]) > 1.0

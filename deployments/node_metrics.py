"""The application's metrics over all replicas and nodes, on one page.

Each Ray node has a metrics page of its own, most of it about Ray. Ours are picked out, freed of
the labels that nobody needs, and put together.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import httpx
import ray
from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

_TIMEOUT_S = 8.0
"""Prometheus waits for ten. Ray's page grows with every replica that it has ever seen, to many
megabytes in clusters that scale up and down.
"""
_RAY_PREFIX = "ray_"
_OURS = "ray_tts_"
_SERVE = (
    "ray_serve_deployment_queued_queries",
    "ray_serve_deployment_replica_healthy",
    "ray_serve_deployment_replica_starts",
    "ray_serve_replica_processing_queries",
)
"""Of Serve's own metrics, those that tell of queues, restarts and replicas."""
_APPLICATION = re.compile(r'[{,]application="([^"]*)"')
_LINE = re.compile(rf"(?:# (?:HELP|TYPE) )?(?:{_OURS}|{'|'.join(_SERVE)})")
_KEPT_SERVE_LABELS = frozenset({"application", "deployment", "replica", "NodeAddress", "le"})
_DROPPED = frozenset(
    {"Component", "JobId", "SessionName", "Version", "WorkerId", "ClusterId", "route", "handle"}
)


@dataclass(frozen=True, slots=True)
class NodePage:
    """One node's page; ``text`` is None where it did not come whole and in time."""

    node: str
    text: str | None


async def read_application(application: str) -> bytes:
    """Return the metrics of ``application`` in Prometheus' text format.

    A node that does not answer is told by ``tts_metrics_node_up`` and fails nothing.
    """
    pages = await _fetch_all()
    return await asyncio.to_thread(merge, pages, application)


def merge(pages: Iterable[NodePage], application: str) -> bytes:
    """Put the pages of all nodes together, each metric's HELP and TYPE once."""
    families: dict[str, Metric] = {}
    up = GaugeMetricFamily("tts_metrics_node_up", "1 if the node's metrics came.", labels=["node"])
    for page in pages:
        found = _parse(page, application)
        up.add_metric([page.node], float(found is not None))
        for family in found or ():
            _add(families, family, application)
    return generate_latest(_Families([*families.values(), up]))


class _Families(Collector):
    """What prometheus_client writes down."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)


def _parse(page: NodePage, application: str) -> list[Metric] | None:
    """The metrics on a page; None where there is no page, or something else than metrics."""
    if page.text is None:
        return None
    try:
        return list(text_string_to_metric_families(_ours(page.text, application)))
    except ValueError:
        return None


def _ours(text: str, application: str) -> str:
    """The lines that may be ours: parsing all of a node's page would take seconds."""
    lines = (line for line in text.splitlines() if _LINE.match(line))
    return "\n".join(line for line in lines if not _is_of_another(line, application)) + "\n"


def _is_of_another(line: str, application: str) -> bool:
    found = _APPLICATION.search(line)
    return found is not None and found[1] != application


def _add(families: dict[str, Metric], family: Metric, application: str) -> None:
    is_ours = family.name.startswith(_OURS)
    name = family.name.removeprefix(_RAY_PREFIX) if is_ours else family.name
    merged = families.setdefault(name, Metric(name, family.documentation, family.type))
    for sample in family.samples:
        if sample.labels.get("application") != application:
            continue
        labels = {
            ("node" if label == "NodeAddress" else label): value
            for label, value in sample.labels.items()
            if (label not in _DROPPED if is_ours else label in _KEPT_SERVE_LABELS)
        }
        sample_name = sample.name.removeprefix(_RAY_PREFIX) if is_ours else sample.name
        merged.add_sample(sample_name, labels, sample.value)


async def _fetch_all() -> list[NodePage]:
    nodes = [node for node in await asyncio.to_thread(ray.nodes) if node["Alive"]]
    async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
        return list(await asyncio.gather(*(fetch_page(client, node) for node in nodes)))


async def fetch_page(
    client: httpx.AsyncClient, node: Mapping[str, object], timeout_s: float = _TIMEOUT_S
) -> NodePage:
    """Ask a node, as ``ray.nodes()`` tells of it, for its page; take no longer than ``timeout_s``.

    The client's own timeouts are for each read: a node that trickles would never meet them.
    """
    address = f"{node['NodeManagerAddress']}"
    host = f"[{address}]" if ":" in address else address
    try:
        async with asyncio.timeout(timeout_s):
            response = await client.get(f"http://{host}:{node['MetricsExportPort']}/metrics")
        response.raise_for_status()
    except (httpx.HTTPError, TimeoutError):
        return NodePage(address, None)
    return NodePage(address, response.text)

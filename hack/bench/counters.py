"""What the API server and the kernel have counted: requests, reviews, and time on a processor."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from controlplane import Cluster

_SAMPLE: Final = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE", "APPLY", "DELETECOLLECTION"})
_CARRIED: Final = re.compile(r"\bbytes_(?:sent|received):(\d+)")
_NANOSECONDS: Final = 1e9


def metrics(text: str, name: str, /, **labels: str) -> float:
    """Gives the sum of the samples of a metric that have these labels, in Prometheus' text format."""
    return sum(value for have, value in _samples(text, name) if labels.items() <= have.items())


def server_metrics(cluster: Cluster) -> str:
    """Gives what the API server serves as metrics."""
    text: str = cluster.request("GET", "/metrics")["text"]
    return text


def writes(text: str) -> dict[tuple[str, str], int]:
    """Gives, from the metrics of an API server, how often it was asked to write, by verb and resource.

    Leases, which the control plane renews by itself, are left out; so are Events, which tell of things and are none.
    """
    counts: dict[tuple[str, str], int] = {}
    for labels, value in _samples(text, "apiserver_request_total"):
        if labels["verb"] in _WRITES and labels["resource"] not in {"leases", "events", "apiservices"}:
            subresource = f"/{labels['subresource']}" if labels.get("subresource") else ""
            key = labels["verb"], f"{labels['resource']}{subresource}"
            counts[key] = counts.get(key, 0) + int(value)
    return counts


def difference(before: Mapping[tuple[str, str], int], after: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """Gives what has been counted in between, such as `PUT configmaps`."""
    return {
        f"{verb} {resource}": count - before.get((verb, resource), 0)
        for (verb, resource), count in sorted(after.items())
        if count != before.get((verb, resource), 0)
    }


def processor_seconds(pid: int) -> float:
    """Gives how long a process and its threads have been on a processor (Linux: schedstat, in nanoseconds)."""
    total = 0
    for task in Path("/proc", str(pid), "task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:  # a thread that has just ended
            continue
    return total / _NANOSECONDS


def resident_mebibytes(pid: int) -> float:
    """Gives how much memory a process has in use."""
    pages = int(Path("/proc", str(pid), "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def bytes_carried(pid: int) -> dict[str, int]:
    """Gives, by its addresses, how many bytes each TCP connection of a process has carried both ways (Linux: ss)."""
    answer = subprocess.run(
        ["ss", "--tcp", "--info", "--numeric", "--processes", "--oneline", "--no-header", "state", "established"],
        capture_output=True,
        text=True,
        check=True,
    )
    return connections(answer.stdout, pid)


def connections(text: str, pid: int) -> dict[str, int]:
    """Reads the same from what `ss` has printed."""
    found = {}
    for line in text.splitlines():
        if f"pid={pid}," in line:
            _, _, local, peer, *_ = line.split()
            found[f"{local} {peer}"] = sum(map(int, _CARRIED.findall(line)))
    return found


def _samples(text: str, name: str) -> Iterator[tuple[dict[str, str], float]]:
    for match in _SAMPLE.finditer(text):
        if match[1] == name:
            yield dict(_LABEL.findall(match[2] or "")), float(match[3])

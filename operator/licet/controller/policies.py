"""Telling the API server's admission policies what is licensed: a WorkloadPolicy for each Vendor.

The policies judge by these objects alone, also while nothing of licet runs; so what is written here holds until it is
written anew. An object that somebody else has changed or deleted is put right; one whose Vendor is gone is deleted.

How far that goes for a Vendor, the condition `WorkloadsJudged` of its status tells.

The objects are also where it is remembered which images ran licensed in a namespace, for as long as there is that
namespace: those that Pods had while a license covered them.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

from pydantic import ValidationError

from licet.cluster.api import JsonObject, KubeApi, Patch
from licet.cluster.errors import ApiError
from licet.cluster.resource import NAMESPACES, WORKLOAD_POLICIES
from licet.controller.judging import Judging, policy_content, read_policy
from licet.controller.queue import Item, Kind
from licet.controller.world import World
from licet.core import bounds
from licet.core.images import ImageReference
from licet.core.openings import openings
from licet.core.parameters import vendor_parameters
from licet.core.workloads import PastWorkloads, judge_images
from licet.resources import WorkloadPolicy

FIELD_MANAGER: Final = "licet-controller"

_logger: Final = logging.getLogger(__name__)


class WorkloadPolicies:
    """Reconciles WorkloadPolicies.

    `exempt_users` are the user names whose workloads are not judged.
    """

    def __init__(
        self,
        api: KubeApi,
        world: World,
        enqueue: Callable[[Item], None],
        *,
        exempt_users: tuple[str, ...],
    ) -> None:
        self._api = api
        self._world = world
        self._enqueue = enqueue
        self._exempt_users = exempt_users
        self._images: defaultdict[str, dict[str, set[str]]] = defaultdict(dict)  # that ran licensed, by Vendor

    async def load(self) -> None:
        """Learn from the WorkloadPolicies which images ran licensed before this process began; raises `ApiError`.

        What an earlier version of licet wrote may lack some of it. What was written before a namespace was made, is
        about a former one of its name, which went while no controller ran.
        """
        listed = (await self._api.list(WORKLOAD_POLICIES.path())).items
        policies = [item for item in listed if (item.get("spec") or {}).get("past")]
        if not policies:
            return
        namespaces = (await self._api.list(NAMESPACES.path(), metadata_only=True)).items
        made = {each["metadata"]["name"]: each["metadata"]["creationTimestamp"] for each in namespaces}
        for item in policies:
            written = _last_written(item["metadata"])
            self._images[item["metadata"]["name"]] = {
                each["namespace"]: set(each.get("images") or ())
                for each in item["spec"]["past"]
                if written is None or made.get(each["namespace"], "") <= written
            }

    def enqueue_all(self) -> None:
        """Have the WorkloadPolicy of every Vendor reconciled, and those whose Vendor is gone."""
        for name in self._world.ledger.vendors.keys() | self._world.policies.keys():
            self._enqueue(Item(Kind.WORKLOAD_POLICY, name=name))

    async def reconcile(self, name: str, *, now: int) -> None:
        """Bring the WorkloadPolicy of one Vendor to what the last assessment and the BreakGlasses say.

        Raises:
            ApiError: it can't be written.
        """
        world = self._world
        vendor, written = world.registry.get(name), world.policies.get(name)
        if vendor is None:
            self._images.pop(name, None)
            world.judging.pop(name, None)
            if written is not None:
                await self._api.remove(WORKLOAD_POLICIES.path(name=name), uid=written.uid)
            return
        break_glasses = (record.break_glass for record in world.break_glasses.values())
        let_in = openings(name, break_glasses, world.namespace, world.registry, world.assessment, now=now)
        parameters = vendor_parameters(vendor, world.registry, world.assessment, self._past(name), let_in)
        try:
            body = WorkloadPolicy.of(parameters, exempt_users=self._exempt_users).as_object()
            if written is None or written.content != policy_content(body):
                await self._write(name, body)
        except ValidationError as error:  # until something else is licensed, there is no use in trying again
            problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            self._judge(name, Judging(parameters.unexpressed, f"there is more to tell than it can hold: {problems}"))
        except ApiError as error:
            if not error.is_unreachable:
                self._judge(name, Judging(parameters.unexpressed, str(error)))
            raise
        else:
            self._judge(name, Judging(parameters.unexpressed))

    async def _write(self, name: str, body: JsonObject) -> None:
        path, policies = WORKLOAD_POLICIES.path(name=name), self._world.policies
        answer = await self._api.patch(path, body, Patch.APPLY, field_manager=FIELD_MANAGER, force=True)
        policies[name] = read_policy(answer).or_newer(policies.get(name))

    def _judge(self, name: str, judging: Judging) -> None:
        """Note how the workloads of a Vendor are judged, for its status and the log to tell."""
        if self._world.judging.get(name) == judging:
            return
        self._world.judging[name] = judging
        self._enqueue(Item(Kind.VENDOR, name=name))
        for problem in judging.unexpressed:
            _logger.warning("the API server can't judge by a range, and admits what it is about: %s", problem)
        if judging.failure:
            _logger.warning("the API server can't be told what of vendor %s is licensed: %s", name, judging.failure)

    def _past(self, vendor: str) -> Mapping[str, PastWorkloads]:
        """Give, by namespace, what of a Vendor's once ran licensed; labels may tell of a chart by its product."""
        registry = self._world.registry
        charts: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        for (namespace, _), record in self._world.installations.items():
            for entry in record.history:
                claim = registry.claim_for_chart(entry.chart) or registry.claim_for_product(entry.chart)
                if entry.licensed and claim is not None and claim.vendor == vendor:
                    charts[namespace].add((entry.chart, entry.version))
        images = self._remember_images(vendor)
        return {
            namespace: PastWorkloads(frozenset(images.get(namespace, ())), frozenset(charts.get(namespace, ())))
            for namespace in charts.keys() | images.keys()
        }

    def _remember_images(self, vendor: str) -> Mapping[str, set[str]]:
        """Give, by namespace, the images of a Vendor that ran licensed, with those that run and are licensed now."""
        world, images = self._world, self._images[vendor]
        for namespace in [each for each in images if each not in world.namespaces]:
            del images[namespace]
        for namespace, image in world.images:
            reference = ImageReference.parse(image)
            claim = world.registry.claim_for_image(*reference.names)
            if claim is None or claim.vendor != vendor or namespace not in world.namespaces:
                continue
            known = images.setdefault(namespace, set())
            if reference.canonical in known or len(known) >= bounds.POLICY_PAST:
                continue
            judged = judge_images(
                [image], world.namespace(namespace), world.registry, world.assessment, PastWorkloads()
            )
            if all(verdict.license is not None for verdict in judged):
                known.add(reference.canonical)
        return images


def _last_written(metadata: JsonObject) -> str | None:
    """Give when a controller has last changed an object, as the API server writes times, which sort as text."""
    fields = metadata.get("managedFields") or ()
    return max(
        (each["time"] for each in fields if each.get("manager") == FIELD_MANAGER and "time" in each), default=None
    )

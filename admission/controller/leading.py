"""Who leads, of several controllers: whoever holds a Lease (coordination.k8s.io/v1) and renews it in time.

The rules are those of Kubernetes' own programs (client-go `tools/leaderelection/leaderelection.go`): clocks of others
are never compared with ours. Whoever doesn't hold the Lease notes by its own clock when it last saw it change, and
takes it once that is longer ago than the holder asked for. Whoever holds it stops to lead well before, by a clock that
runs on while a process is stopped. Writes are held against what was read while leading too (`Publisher`), so that one
that was under way when another took over is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING, Final

from admission.controller.client import collection
from admission.controller.naming import LEASE, MANAGED
from dbom.errors import UndecidedError
from dbom.rules.cluster import CLUSTER_REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from admission.controller.client import Api
    from dbom.canonical import Json, JsonObject

__all__ = ["Leadership", "LeaseTimes"]


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """In seconds: how long a lease lasts unrenewed, how long its holder leads without renewing, how often it tries."""

    lasts: int = 15
    leads: float = 10.0
    every: float = 2.0


_GROUP: Final = "coordination.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class _Seen:
    """The Lease as it was last seen to change, and when by our own clock."""

    version: str = ""
    at: float = 0.0


class Leadership:
    """One candidate. `monotonic` is a clock that runs on while the process is stopped, `wall` the one that is shown."""

    def __init__(
        self,
        api: Api,
        namespace: str,
        identity: str,
        *,
        monotonic: Callable[[], float],
        wall: Callable[[], datetime],
        times: LeaseTimes | None = None,
    ) -> None:
        self._api, self._identity = api, identity
        self._collection = collection(_GROUP, "leases", namespace)
        self._path = collection(_GROUP, "leases", namespace, LEASE)
        self._monotonic, self._wall = monotonic, wall
        self.times = times or LeaseTimes()
        self._seen = _Seen()
        self._renewed: float | None = None
        self._is_released = False

    @property
    def is_leading(self) -> bool:
        """Whether it may act now: it renewed a moment ago."""
        renewed = self._renewed
        return renewed is not None and self._monotonic() - renewed < self.times.leads

    def demand(self) -> None:
        """Raise `UndecidedError` where it doesn't lead (any more)."""
        if not self.is_leading:
            raise UndecidedError(CLUSTER_REFUSED, "another controller may lead now", where=LEASE)

    def attempt(self) -> bool:
        """Renew the Lease, or take it where nobody holds it. Raises `UndecidedError` where the API server is away."""
        if self._is_released:
            return False
        # The moment before asking: the answer may take its time, and the others count from when it was written.
        started = self._monotonic()
        found = self._api.get(self._path)
        if found.is_missing:
            answer = self._api.create(self._collection, self._lease({}, {}))
        else:
            lease = found.demanded()
            spec = lease.get("spec")
            spec = spec if isinstance(spec, dict) else {}
            if not self._may_take(lease, spec):
                self._renewed = None
                return False
            answer = self._api.update(self._path, self._lease(lease, spec))
        if answer.is_conflict:
            # Somebody else was faster; if that wasn't us, the next look shows whom it is.
            return self.is_leading
        answer.demanded()
        self._renewed = started
        return True

    def release(self) -> None:
        """Give the Lease away at once, where it is held. Raises `UndecidedError` where the API server is away."""
        was_leading, self._is_released, self._renewed = self.is_leading, True, None
        if not was_leading:
            return
        lease = self._api.get(self._path).demanded()
        spec = lease.get("spec")
        if isinstance(spec, dict) and spec.get("holderIdentity") == self._identity:
            self._api.update(self._path, {**lease, "spec": {**spec, "holderIdentity": "", "leaseDurationSeconds": 1}})

    def _may_take(self, lease: JsonObject, spec: JsonObject) -> bool:
        holder, metadata = spec.get("holderIdentity"), lease.get("metadata")
        version = str(metadata.get("resourceVersion")) if isinstance(metadata, dict) else ""
        if version != self._seen.version:
            self._seen = replace(self._seen, version=version, at=self._monotonic())
        if not holder or holder == self._identity:
            return True
        lasts = spec.get("leaseDurationSeconds")
        asked = lasts if isinstance(lasts, int) and 0 < lasts <= 3600 else self.times.lasts  # noqa: PLR2004  an hour
        return self._monotonic() - self._seen.at > asked

    def _lease(self, lease: JsonObject, spec: JsonObject) -> JsonObject:
        now: Json = self._wall().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        is_ours = spec.get("holderIdentity") == self._identity
        changes = spec.get("leaseTransitions")
        count = (changes if isinstance(changes, int) else 0) + (0 if is_ours or not lease else 1)
        metadata = lease.get("metadata", {"name": LEASE, "labels": {**MANAGED}})
        return {
            "apiVersion": _GROUP,
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": self.times.lasts,
                "acquireTime": spec.get("acquireTime", now) if is_ours else now,
                "renewTime": now,
                "leaseTransitions": count,
            },
        }

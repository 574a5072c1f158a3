"""A BreakGlass with what came in by it, as far as the controller has heard: values, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from licet.cluster.records import read_break_glass
from licet.core import bounds
from licet.core.breakglass import BreakGlass
from licet.resources.breakglass import BreakGlassStatus, BreakGlassUse


@dataclass(frozen=True, slots=True)
class BreakGlassRecord:
    """A BreakGlass, and what of its status is carried on."""

    break_glass: BreakGlass
    uses: tuple[BreakGlassUse, ...] = ()  # in the order of time
    use_count: int = 0

    @classmethod
    def read(cls, obj: Mapping[str, Any]) -> Self:
        """Read a BreakGlass as the API server gives it."""
        status = BreakGlassStatus.model_validate(obj.get("status") or {})
        return cls(read_break_glass(obj), status.uses, status.use_count)

    def with_use(self, use: BreakGlassUse) -> Self:
        """Take in a use, unless it is known, or older than all that there is room for."""
        full = len(self.uses) == bounds.BREAK_GLASS_USES
        if any((each.revision, each.at) == (use.revision, use.at) for each in self.uses) or (
            full and use.at < self.uses[0].at
        ):
            return self
        uses = sorted((*self.uses, use), key=lambda each: (each.at, each.revision))
        return replace(self, uses=tuple(uses[-bounds.BREAK_GLASS_USES :]), use_count=self.use_count + 1)

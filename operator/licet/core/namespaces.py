"""Namespaces, and the selection of them by name and label."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Operator(StrEnum):
    """Operators of label selector requirements (Kubernetes `metav1.LabelSelectorOperator`)."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace of the cluster, as far as licenses care."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement of a label selector."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether the labels satisfy it; as in Kubernetes, `NotIn` also holds for a label that is absent."""
        match self.operator:
            case Operator.IN:
                return labels.get(self.key) in self.values
            case Operator.NOT_IN:
                return labels.get(self.key) not in self.values
            case Operator.EXISTS:
                return self.key in labels
            case Operator.DOES_NOT_EXIST:
                return self.key not in labels


@dataclass(frozen=True, slots=True)
class NamespaceScope:
    """The namespaces that a License is narrowed to: those named, and those that the selector matches.

    A selector without requirements matches every namespace, as in Kubernetes; `None` is no selector.
    """

    names: frozenset[str] = frozenset()
    selector: tuple[Requirement, ...] | None = None

    def allows(self, namespace: Namespace) -> bool:
        """Tell whether the namespace is in scope."""
        if namespace.name in self.names:
            return True
        return self.selector is not None and all(term.matches(namespace.labels) for term in self.selector)

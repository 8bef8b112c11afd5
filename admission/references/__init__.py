"""Where a pod, a workload template or a serving resource gets its models from."""

from admission.references.finding import find_references
from admission.references.reference import ModelReference, Pinning, Role, Target

__all__ = ["ModelReference", "Pinning", "Role", "Target", "find_references"]

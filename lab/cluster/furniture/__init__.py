"""
What a namespace on a real cluster needs before the platform repo is applied to it.

Who may read what, how much may run, who may reach the pods, and how little a container may do: on the embedded cluster
none of this exists, on every other Kubernetes it comes first.
"""

from lab.cluster.furniture.objects import LAB_LABEL, api_sources, furniture_objects, lab_namespace
from lab.cluster.furniture.placing import Refusal, await_account, furnish

__all__ = [
    "LAB_LABEL",
    "Refusal",
    "api_sources",
    "await_account",
    "furnish",
    "furniture_objects",
    "lab_namespace",
]

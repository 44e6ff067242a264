"""
Direct addresses on this machine for the Services of a namespace, through the API server's service proxy.

A small process of its own listens on loopback, one port for each Service, and passes every request on with the
credentials of a kubeconfig. `Forward` starts, finds and ends it.
"""

from lab.cluster.forward.control import Forward

__all__ = ["Forward"]

"""Weights as Envoy reads them: cluster load assignments, by REST and as files. Pure.

https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol (REST-JSON polling) and
https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/endpoint/v3/endpoint.proto
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from knowledge.traffic import Weight

TYPE_URL: Final = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
WEIGHT_OF_EQUAL_SHARE: Final = 1000


def discovery_response(
    pools: Mapping[str, tuple[Weight, ...]], *, is_judging: bool = True
) -> dict[str, Any]:
    """Return a DiscoveryResponse; its version is made of its content, so a restart changes none.

    is_judging: who is out is marked UNHEALTHY, and Envoy's panic threshold still decides. Not so in
    a file that outlives the judgement.
    """
    resources = [
        _assignment(name, weights, is_judging=is_judging) for name, weights in sorted(pools.items())
    ]
    text = json.dumps(resources, sort_keys=True)
    version = hashlib.sha256(text.encode()).hexdigest()[:16]
    return {
        "version_info": version,
        "type_url": TYPE_URL,
        "nonce": version,
        "resources": resources,
    }


def answer(
    request: Any, pools: Mapping[str, tuple[Weight, ...]]
) -> tuple[int, dict[str, Any] | str]:
    """Return status and body for a DiscoveryRequest: 304 where Envoy has this version."""
    if not isinstance(request, dict):
        return 400, "expected a DiscoveryRequest as a JSON object"
    wanted_type = request.get("type_url", request.get("typeUrl", TYPE_URL))
    if wanted_type != TYPE_URL:
        return 400, f"type_url: got {wanted_type}: expected {TYPE_URL}"
    names = request.get("resource_names", request.get("resourceNames")) or list(pools)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return 400, "resource_names: expected a list of strings"
    if not (known := _named(pools, names)):
        return 404, f"no pool is called {', '.join(names) or 'anything'}; there are: " + (
            ", ".join(sorted(pools)) or "none"
        )
    response = discovery_response(known)
    if request.get("version_info", request.get("versionInfo")) == response["version_info"]:
        return 304, ""
    return 200, response


def _named(
    pools: Mapping[str, tuple[Weight, ...]], names: Collection[str]
) -> dict[str, tuple[Weight, ...]]:
    return {name: pools[name] for name in names if name in pools}


def _assignment(name: str, weights: tuple[Weight, ...], *, is_judging: bool) -> dict[str, Any]:
    return {
        "@type": TYPE_URL,
        "cluster_name": name,
        "endpoints": [
            {"lb_endpoints": [_endpoint(weight, is_judging=is_judging) for weight in weights]}
        ],
    }


def _endpoint(weight: Weight, *, is_judging: bool) -> dict[str, Any]:
    host, _, port = weight.address.rpartition(":")
    is_out = weight.place != "in"
    return {
        "endpoint": {
            "address": {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}
        },
        "load_balancing_weight": max(round(weight.weight * WEIGHT_OF_EQUAL_SHARE), 1),
        "health_status": "UNHEALTHY" if is_out and is_judging else "UNKNOWN",
    }

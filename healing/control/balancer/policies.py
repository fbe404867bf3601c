"""The policies by name."""

from collections.abc import Mapping
from typing import Final

from healing.control.balancer.adaptive import Adaptive
from healing.control.balancer.least_connections import LeastConnections
from healing.control.balancer.response_time import ResponseTime
from healing.control.balancer.round_robin import RoundRobin
from healing.control.balancer.values import Policy
from healing.control.balancer.weighted_round_robin import WeightedRoundRobin
from knowledge.traffic import PolicyName

POLICIES: Final[Mapping[PolicyName, Policy]] = {
    "round_robin": RoundRobin(),
    "least_connections": LeastConnections(),
    "weighted_round_robin": WeightedRoundRobin(),
    "response_time": ResponseTime(),
    "adaptive": Adaptive(),
}

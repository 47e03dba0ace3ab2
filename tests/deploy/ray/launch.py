"""`serve run CONFIG` on a cluster of this machine alone, small, that needs no network and shows no dashboard."""

import sys

import ray
from ray.serve.scripts import cli

if __name__ == "__main__":
    ray.init(
        address="local",
        namespace="serve",
        num_cpus=2,
        object_store_memory=80 * 2**20,
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
    )
    cli(["run", sys.argv[1]])

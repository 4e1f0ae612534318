"""What a container is called, for Airflow's `hostname_callable`: on one machine all are one."""

import os


def container_name() -> str:
    return os.environ["HOSTNAME"]

"""Waiting for what a service does, as tasks of a DAG."""

"""Waiting without a worker, in Airflow's triggerer."""

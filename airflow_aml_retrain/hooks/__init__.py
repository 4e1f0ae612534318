"""Airflow connections turned into backends and blob stores."""

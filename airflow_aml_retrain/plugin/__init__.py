"""What Airflow's own web server shows of ours: the report of a decision."""

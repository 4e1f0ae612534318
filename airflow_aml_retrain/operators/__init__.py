"""The verbs of a DAG author, one file per deed."""

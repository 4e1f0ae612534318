"""From scored files, CSV or Parquet, to the rows that all models scored, in a few bytes a row."""

"""Operators and sensors put together: whole retrainings as one function."""

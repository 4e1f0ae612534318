"""Where a task points to: finished URLs that the UI shows as buttons."""

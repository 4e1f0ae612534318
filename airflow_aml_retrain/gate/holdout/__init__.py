"""What makes a hold-out the same, and how often it may be used."""

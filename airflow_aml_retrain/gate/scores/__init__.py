"""What is measured of a hold-out: every metric of every model, by class, by bin and by slice."""

"""What a policy is made of: checks, sections, durations, and how each is read."""

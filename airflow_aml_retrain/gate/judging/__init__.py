"""Every check of a policy applied to what was measured, and what they add up to."""

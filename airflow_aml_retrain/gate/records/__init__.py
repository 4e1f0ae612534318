"""What is written down of a decision, and the chain that it is bound into."""

"""What is said to the services: verbs, states and JSON, without a socket and without a clock."""

"""A decision as one page that opens without a network, and as a few lines of markdown."""

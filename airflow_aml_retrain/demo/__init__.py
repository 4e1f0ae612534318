"""The whole story on one machine: starts everything, tells what happens, and stops everything."""

"""What can be seen of a catalog before anything runs: rules, and what they find."""

"""What is kept of people: which tables hold something of somebody, how it is copied, and how it is deleted."""

"""Support staff: what a grant opens, in the database, over HTTP and by the commands, and what nothing opens."""

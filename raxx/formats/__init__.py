"""How instants are written where no page says so itself: on the pages of the staff, beside logs that say UTC."""

"""The wiring of Raxx: settings, processes, embedded services. No business lives here."""

"""How the pages write figures."""

"""Many regions of one country: roads and tables cut once, an ordinary run for each, and the routes measured once."""

"""OpenStreetMap files in: ways to the road graph, objects to features."""

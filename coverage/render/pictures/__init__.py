"""Static maps and charts by matplotlib, in the colours of the map."""

"""Strip charts (路线条形图): each direction of a route as one straight line, in SVG."""

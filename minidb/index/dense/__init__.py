"""Forms of a dense field: plain floats, the int8 sketch, the graph."""

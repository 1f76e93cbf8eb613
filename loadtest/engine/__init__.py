"""Places orders: the gate, arrival loops, one order after the other, each attempt an event. Computes no statistics."""

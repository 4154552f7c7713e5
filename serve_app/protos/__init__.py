"""The gRPC interface: upstream's messages, with additions that its clients need not know."""

"""WebSockets: what the families of sockets have in common. Their messages are in the routes."""

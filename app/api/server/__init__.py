"""The server: the limits of connections and of what arrives on them."""

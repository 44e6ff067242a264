"""HTTP/1.1 between the components: a small server, a keep-alive client, and the list of replicas to talk to."""

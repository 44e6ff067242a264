"""What a row of features has to be like, and what is wrong with one: read by the gateway and by the monitor."""

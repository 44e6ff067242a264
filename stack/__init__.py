"""What runs in the cluster: a flight-delay risk service and everything around it. It never imports lab."""

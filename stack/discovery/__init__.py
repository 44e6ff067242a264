"""Discovery: watches the pods of its namespace and tells Prometheus what to scrape and clients where replicas are."""

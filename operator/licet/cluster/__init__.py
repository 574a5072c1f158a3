"""The edge towards the API server: reading cluster objects into core values, watching, writing."""

"""The pure core: parsing, verifying, version matching and evaluating, without I/O, clock or Kubernetes client."""

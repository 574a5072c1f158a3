"""The story of a license, played with real Helm on a real API server: `make demo`."""

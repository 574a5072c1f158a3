"""The custom resources as pydantic models, from which the CRDs are generated."""

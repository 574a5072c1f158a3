"""The admission webhook that judges Helm releases."""

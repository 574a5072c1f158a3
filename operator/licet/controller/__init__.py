"""The controller: validates Licenses, projects Entitlements, keeps the inventory of Installations."""

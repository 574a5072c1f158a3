// Package api names what CRDs are made of, so that go.mod keeps it: see ../generate.py.
package api

import (
	_ "github.com/fluxcd/helm-controller/api/v2"
	_ "github.com/fluxcd/source-controller/api/v1"
)

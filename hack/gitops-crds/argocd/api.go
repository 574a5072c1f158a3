// Package api names what CRDs are made of, so that go.mod keeps it: see ../generate.py.
package api

import _ "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"

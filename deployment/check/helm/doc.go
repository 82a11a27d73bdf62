// Package helm tests the Helm chart against gsm's configuration, the plain manifests, and its own documentation. `make
// docs` writes its generated files, and `make helm-check` runs the tests that need Helm.
package helm

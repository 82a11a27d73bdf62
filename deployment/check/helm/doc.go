// Package helm holds the Helm chart to gsm's configuration, to the plain manifests, and to its own documents. `make
// docs` writes what is generated of it, and `make helm-check` runs what needs Helm.
package helm

// Package observe tells operators what the service does: log lines, metrics, and both around HTTP requests and store
// operations. It wraps what it watches and adds nothing to it, so that the packages inside need no line about it.
package observe

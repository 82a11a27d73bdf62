// Package observe provides logs, metrics and traces of HTTP requests, store operations and background work. It wraps
// what it observes, so that other packages contain no code for it.
package observe

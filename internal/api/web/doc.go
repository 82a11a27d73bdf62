// Package web is the part of the API that knows no noun: how requests are checked and their bodies read, how problems
// are written, entity tags, and the headers that every response has. It imports no other package of this module.
package web

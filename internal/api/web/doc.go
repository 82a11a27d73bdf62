// Package web is the part of the API that is independent of its documents: it checks requests, decodes their bodies,
// and writes problems, entity tags and the headers that every response has. It imports no other package of this module.
package web

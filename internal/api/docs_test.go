package api_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// TestDocumentsOfFirstRequests has many callers ask for the OpenAPI documents at once, which the first of them makes.
func TestDocumentsOfFirstRequests(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	var all sync.WaitGroup
	for i := range 8 {
		path := []string{"/openapi.json", "/openapi.yaml"}[i%2]
		all.Go(func() {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			r.Host = "localhost"
			s.ServeHTTP(w, r)
			if w.Code != http.StatusOK || w.Body.Len() < 100_000 {
				t.Errorf("%s: status %d and %d bytes", path, w.Code, w.Body.Len())
			}
		})
	}
	all.Wait()
}

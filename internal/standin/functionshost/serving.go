package functionshost

import (
	"net/http"
	"sync"
	"time"
)

// maxWait is for how long the end of the host waits for handlers whose
// connections are cut. One that has taken its connection over may never notice.
const maxWait = 2 * time.Second

// serving knows which requests are in the hands of handlers.
type serving struct {
	mu     sync.Mutex
	count  int
	ending chan struct{} // closed when the count is 0; nil: nobody waits
}

func (s *serving) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.add(1)
		defer s.add(-1)
		next.ServeHTTP(w, r)
	})
}

func (s *serving) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count += n
	if s.count == 0 && s.ending != nil {
		close(s.ending)
		s.ending = nil
	}
}

// wait waits until no request is left.
func (s *serving) wait() {
	s.mu.Lock()
	if s.count == 0 {
		s.mu.Unlock()
		return
	}
	ending := make(chan struct{})
	s.ending = ending
	s.mu.Unlock()
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case <-ending:
	case <-timer.C:
	}
}

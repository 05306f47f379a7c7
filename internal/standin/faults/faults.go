// Package faults lets a stand-in fail on demand, as the service it stands for
// does on a bad day.
//
// An [Injector] is put before a stand-in's handler. Each [Fault] given to it
// befalls the next requests that match, in the order in which the faults were
// given; a request that none matches goes through untouched.
package faults

import (
	"net/http"
	"strconv"
	"time"
)

// Fault is one thing that can go wrong. The zero value answers 500, so that a
// forgotten kind is noticed.
type Fault struct {
	// serve takes the request in the handler's place.
	serve func(w http.ResponseWriter, r *http.Request, next http.Handler, released <-chan struct{})
	// match selects requests; nil selects all.
	match func(*http.Request) bool
	// left is how many requests are still to be befallen; negative: all of them.
	left int
}

// Times limits the fault to the next n requests that match. Without it the
// fault lasts until [Injector.Clear].
func (f Fault) Times(n int) Fault {
	f.left = max(n, 0)
	return f
}

// When limits the fault to the requests that match.
func (f Fault) When(match func(*http.Request) bool) Fault {
	f.match = match
	return f
}

// Answer fails requests with status and an error body of the form that Azure's
// services share, {"error":{"code":…}}.
func Answer(status int, code string) Fault {
	return answer(status, code, 0)
}

// Throttle fails requests with 429 and a Retry-After header, in whole seconds
// rounded up. Without a delay there is no header.
func Throttle(retryAfter time.Duration) Fault {
	return answer(http.StatusTooManyRequests, "TooManyRequests", retryAfter)
}

func answer(status int, code string, retryAfter time.Duration) Fault {
	return Fault{left: -1, serve: func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
		if retryAfter > 0 {
			seconds := (retryAfter + time.Second - 1) / time.Second
			w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"error":{"code":` + strconv.Quote(code) + `,"message":"injected fault"}}`))
	}}
}

// Cut breaks the connection before the request has had any effect.
func Cut() Fault {
	return Fault{left: -1, serve: func(http.ResponseWriter, *http.Request, http.Handler, <-chan struct{}) {
		panic(http.ErrAbortHandler)
	}}
}

// CutAfterWork lets the stand-in carry the request out and breaks the connection
// in place of the answer: the commit that its sender never hears of.
func CutAfterWork() Fault {
	return Fault{left: -1, serve: func(_ http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
		next.ServeHTTP(&unheard{header: http.Header{}}, r)
		panic(http.ErrAbortHandler)
	}}
}

// Hang holds requests until their sender gives up. Those still waiting at
// [Injector.Clear] are then served.
func Hang() Fault {
	return Fault{left: -1, serve: func(w http.ResponseWriter, r *http.Request, next http.Handler, released <-chan struct{}) {
		select {
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		case <-released:
			next.ServeHTTP(w, r)
		}
	}}
}

// unheard takes an answer that nobody gets.
type unheard struct{ header http.Header }

func (u *unheard) Header() http.Header         { return u.header }
func (u *unheard) Write(p []byte) (int, error) { return len(p), nil }
func (u *unheard) WriteHeader(int)             {}

package functionshost

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
)

// serve answers a request from outside: by a function, or, for what no function
// may have, by the local pages.
func (h *Host) serve(w http.ResponseWriter, r *http.Request) {
	path, dotted, err := splitPath(r.URL.EscapedPath())
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	found := h.router.find(r.Method, path)
	switch {
	case isAdmin(path):
		h.serveAdmin(w, r, path)
	case found != nil && !h.authorized(found, r):
		w.WriteHeader(http.StatusUnauthorized)
	case found != nil:
		if dotted {
			// The host's web server has resolved such a path before anyone sees it.
			r.URL.Path, r.URL.RawPath = pathOf(path)
		}
		h.serveFunction(w, r, found)
	case h.local != nil && !h.router.owns(path):
		h.local.ServeHTTP(w, r)
	default:
		notFound(w)
	}
}

// pathOf returns the path of a URL, decoded and as written.
func pathOf(segments []string) (path, raw string) {
	raw = joinPath(segments)
	path, err := url.PathUnescape(raw)
	if err != nil {
		return raw, ""
	}
	return path, raw
}

// authorized checks the key that a function asks for. A function that declares no
// authLevel asks for one.
func (h *Host) authorized(f *function, r *http.Request) bool {
	return f.trigger.AuthLevel == "anonymous" || h.hasKey(r)
}

// hasKey reports whether a request holds the key, in either of its places.
func (h *Host) hasKey(r *http.Request) bool {
	given := r.Header.Get("X-Functions-Key")
	if given == "" {
		given = r.URL.Query().Get("code")
	}
	return h.functionKey != "" && subtle.ConstantTimeCompare([]byte(given), []byte(h.functionKey)) == 1
}

// serveFunction passes a request on to the handler.
func (h *Host) serveFunction(w http.ResponseWriter, r *http.Request, f *function) {
	waiting, cancel := context.WithTimeout(r.Context(), h.script.host.initializationTimeout)
	_, err := h.supervisor.acquire(waiting)
	cancel()
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	ctx, current, err := h.begin(r.Context(), f.name)
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	current.record.Method, current.record.Path = r.Method, r.URL.EscapedPath()
	sent, answered := &meter{from: r.Body}, &recorder{ResponseWriter: w}
	r.Body = sent
	failure := errors.New("the handler's answer broke off")
	// A broken answer ends the exchange by a panic, which must be counted too.
	defer func() {
		current.record.RequestBytes, current.record.ResponseBytes = sent.bytes(), answered.bytes
		current.record.Status = answered.status
		h.finish(current, failure)
	}()
	if h.forwarding {
		failure = h.forward(answered, r.WithContext(ctx), current)
		return
	}
	failure = h.proxy(answered, r.WithContext(ctx), current)
}

// proxy streams a request to the handler and its answer back, as hosts do since
// 2025.
func (h *Host) proxy(w *recorder, r *http.Request, current *running) (failure error) {
	proxy := &httputil.ReverseProxy{
		Transport:     current.transport,
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		Rewrite: func(request *httputil.ProxyRequest) {
			request.Out.URL.Scheme, request.Out.URL.Host = "http", current.address
			request.Out.URL.RawQuery = request.In.URL.RawQuery // as it was written
			request.Out.Host = request.In.Host
			identify(request.Out.Header, request.In, current.record.ID)
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			failure = fmt.Errorf("passing the request to the handler: %w", current.reason(r.Context(), err))
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	// Else Go's server would read the whole body before it sends the first byte of
	// the answer. HTTP/2, where that is not so, knows no such setting.
	_ = http.NewResponseController(w).EnableFullDuplex()
	proxy.ServeHTTP(w, r)
	if w.answered() && failure != nil {
		w.status = 0 // the 502 is not the handler's
	}
	return failure
}

// forward rebuilds a request and its answer, as older hosts do: a chunked body
// arrives empty, answers are buffered, and redirects are followed.
func (h *Host) forward(w *recorder, r *http.Request, current *running) error {
	var body io.Reader = http.NoBody
	if r.ContentLength > 0 {
		body = r.Body
	}
	target := &url.URL{Scheme: "http", Host: current.address, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	request, err := http.NewRequestWithContext(r.Context(), r.Method, target.String(), body)
	if err != nil {
		return fmt.Errorf("rebuilding the request: %w", err)
	}
	request.ContentLength = max(r.ContentLength, 0)
	request.Host = r.Host
	copyHeader(request.Header, r.Header)
	identify(request.Header, r, current.record.ID)
	response, err := current.client().Do(request)
	if err != nil {
		http.Error(w.ResponseWriter, "", http.StatusInternalServerError)
		return fmt.Errorf("passing the request to the handler: %w", current.reason(r.Context(), err))
	}
	defer func() { _ = response.Body.Close() }()
	buffered, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		http.Error(w.ResponseWriter, "", http.StatusInternalServerError)
		return fmt.Errorf("reading the handler's answer: %w", current.reason(r.Context(), err))
	}
	copyHeader(w.Header(), response.Header)
	w.Header().Set("Content-Length", strconv.Itoa(len(buffered)))
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(buffered)
	return nil
}

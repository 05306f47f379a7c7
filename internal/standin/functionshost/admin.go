package functionshost

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"
)

// maxAdminBody bounds the body of a request to the management API.
const maxAdminBody = 1 << 20

// serveAdmin answers a request to the host's own management API, of which the
// stand-in offers one part: POST /admin/functions/<name> with {"input":""} fires
// a timer now, beside its schedule (FunctionsController of azure-functions-host).
// The answer comes before the function has run.
func (h *Host) serveAdmin(w http.ResponseWriter, r *http.Request, path []string) {
	if len(path) != 3 || !strings.EqualFold(path[1], "functions") || r.Method != http.MethodPost {
		notFound(w)
		return
	}
	if !h.administers(r) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if status := checkInput(w, r); status != http.StatusOK {
		w.WriteHeader(status)
		return
	}
	f := h.script.find(path[2])
	switch {
	case f == nil:
		notFound(w)
		return
	case f.trigger.Type != typeTimerTrigger:
		http.Error(w, "This stand-in fires timers only.", http.StatusNotImplemented)
		return
	}
	select {
	case h.fireNow <- f:
		w.WriteHeader(http.StatusAccepted)
	case <-r.Context().Done():
	}
}

// administers checks the key of the management API, which the host does not ask
// for in development.
func (h *Host) administers(r *http.Request) bool {
	return h.development || h.hasKey(r)
}

// checkInput reads {"input":…}. The host takes JSON only, which no page of
// another origin can send without asking first.
func checkInput(w http.ResponseWriter, r *http.Request) (status int) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return http.StatusUnsupportedMediaType
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAdminBody))
	if err != nil {
		return http.StatusBadRequest
	}
	var input *struct {
		Input string `json:"input"`
	}
	if json.Unmarshal(body, &input) != nil || input == nil {
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// attend fires timers as asked through the management API, until ctx ends. Unlike
// runs on schedule such runs do not wait for each other.
func (h *Host) attend(ctx context.Context) {
	for {
		select {
		case f := <-h.fireNow:
			h.background.Go(func() { h.fire(ctx, f, h.infoNow(f)) })
		case <-ctx.Done():
			return
		}
	}
}

// infoNow is what a handler is told of a run beside the schedule: the status as
// it was last remembered.
func (h *Host) infoNow(f *function) timerInfo {
	info := timerInfo{schedule: f.schedule}
	if status, known := h.monitor.load(f.name); known && f.remembered {
		info.status = &status
	}
	return info
}

package bus

import (
	"slices"
	"time"
)

// window remembers the message ids of the recent past.
type window struct {
	length time.Duration
	seen   map[string]time.Time
	order  []string // ids by the time they were added
}

func newWindow(length time.Duration) *window {
	return &window{length: length, seen: map[string]time.Time{}}
}

// lasts reports whether ids are remembered at all.
func (w *window) lasts() bool {
	return w.length > 0
}

// has reports whether id was added within the window. A message without an id is
// never a duplicate.
func (w *window) has(id string, now time.Time) bool {
	w.forget(now)
	_, seen := w.seen[id]
	return seen
}

func (w *window) add(id string, at time.Time) {
	if !w.lasts() || id == "" {
		return
	}
	w.seen[id] = at
	w.order = append(w.order, id)
}

// forget drops what lies before the window.
func (w *window) forget(now time.Time) {
	for len(w.order) > 0 && now.Sub(w.seen[w.order[0]]) >= w.length {
		delete(w.seen, w.order[0])
		w.order = w.order[1:]
	}
}

// restore adds ids that were kept and returns those that are too old.
func (w *window) restore(kept map[string]time.Time, now time.Time) (old []string) {
	ids := make([]string, 0, len(kept))
	for id, at := range kept {
		if !w.lasts() || now.Sub(at) >= w.length {
			old = append(old, id)
			continue
		}
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return kept[a].Compare(kept[b]) })
	for _, id := range ids {
		w.add(id, kept[id])
	}
	return old
}

package loginapi

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"time"
)

//go:embed phone.html
var phoneHTML string

//go:embed phone.css
var phoneCSS []byte

//go:embed phone.js
var phoneJS []byte

// shownDecisions is how many past decisions the phone shows.
const shownDecisions = 3

// phonePolicy lets the page use its own files and nothing else. It is in no frame:
// whoever could cover the buttons could make somebody press them.
const phonePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Phone is the customers' phone, for browsers: a page at path, such as
// /local/phone, and its files below. It works without script as well. One phone
// serves all customers; each prompt names whose it is.
func (b *Bank) Phone(path string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { b.showPhone(w, path) })
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) { b.press(w, r, path) })
	mux.HandleFunc("GET "+path+"/phone.css", file("text/css; charset=utf-8", phoneCSS))
	mux.HandleFunc("GET "+path+"/phone.js", file("text/javascript; charset=utf-8", phoneJS))
	// No other site may press a button in the customer's name.
	return http.NewCrossOriginProtection().Handler(mux)
}

func file(contentType string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(content)
	}
}

// press takes a decision and shows the page again.
func (b *Bank) press(w http.ResponseWriter, r *http.Request, path string) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "The form cannot be read.", http.StatusBadRequest)
		return
	}
	choice := r.PostForm.Get("decision")
	if choice != "accept" && choice != "deny" {
		http.Error(w, "decision must be accept or deny.", http.StatusBadRequest)
		return
	}
	// A prompt that expired meanwhile is gone from the page that comes next.
	_ = b.Decide(r.PostForm.Get("prompt"), choice == "accept")
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// screen is what the phone shows.
type screen struct {
	Bank, Path string
	Prompts    []Prompt
	Past       []pastDecision
	Customers  []Customer
}

type pastDecision struct {
	Code, Customer string
	Accepted       bool
	At             time.Time
}

func (b *Bank) showPhone(w http.ResponseWriter, path string) {
	shows := screen{Bank: b.options.Name, Path: path, Prompts: b.Prompts(), Past: b.past(), Customers: b.options.Customers}
	var page bytes.Buffer
	parsed, err := template.New("phone").Funcs(template.FuncMap{
		"clock": func(at time.Time) string { return at.Local().Format("15:04") },
	}).Parse(phoneHTML)
	if err == nil {
		err = parsed.Execute(&page, shows)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", phonePolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = page.WriteTo(w)
}

// past are the latest decisions, newest first.
func (b *Bank) past() []pastDecision {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []pastDecision
	for _, each := range b.prompts {
		if each.decision != undecided {
			found = append(found, pastDecision{each.code, each.customer.Name, each.decision == accepted, each.decided})
		}
	}
	slices.SortStableFunc(found, func(a, b pastDecision) int { return b.At.Compare(a.At) })
	return found[:min(len(found), shownDecisions)]
}

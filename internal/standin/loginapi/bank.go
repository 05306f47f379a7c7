// Package loginapi stands for a client's own system, a small bank: the Login API
// by which its customers log in from a chat ([Bank.LoginAPI]), a back end that
// wants the bank's token ([Bank.Backend]), and the customers' phone, on which
// they accept or deny ([Bank.Phone]).
//
// It is never part of the deployed program.
package loginapi

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/faults"
)

// What the bank's tokens begin with, so that a search finds one wherever it
// should not be.
const (
	TokenPrefix   = "bank-token-"
	RefreshPrefix = "bank-refresh-"
	PollingPrefix = "bank-polling-"
)

// What is assumed where [Options] says nothing.
const (
	DefaultPromptLife  = 5 * time.Minute
	DefaultInterval    = 2 * time.Second
	DefaultTokenLife   = 10 * time.Minute
	DefaultRefreshLife = 12 * time.Hour
)

// Bounds: nothing that callers add up may fill the memory.
const (
	maxBody    = 8 << 10
	maxPrompts = 1000
	maxGrants  = 10_000
)

// Operation names a call, for counts and faults.
type Operation string

// The calls of the Login API and of the back end.
const (
	StartLogin   Operation = "startLogin"
	PollLogin    Operation = "pollLogin"
	RefreshToken Operation = "refreshToken"
	Balance      Operation = "balance"
	Accounts     Operation = "accounts"
	Transfers    Operation = "transfers"
)

// Options are the properties of a Bank. The zero value of each field means the
// default that its comment names.
type Options struct {
	// Name is the bank's (Demo Bank).
	Name string
	// Customers are those who can log in; the first is asked where a login
	// carries no hint ([DemoCustomers]).
	Customers []Customer
	// Keys are accepted as x-api-key; see [Bank.SetKeys] (none is asked for).
	Keys []redacted.Text
	// PromptLife is how long a customer has to decide ([DefaultPromptLife]).
	PromptLife time.Duration
	// Interval is the least time between two polls of a login ([DefaultInterval]).
	Interval time.Duration
	// TokenLife is the life of a token ([DefaultTokenLife]).
	TokenLife time.Duration
	// WithoutRefresh answers refreshToken with 501, as an API that has none.
	WithoutRefresh bool
	// Now is the clock (time.Now).
	Now func() time.Time
}

// Customer is somebody with a phone and accounts.
type Customer struct {
	// Hint is what a login names the customer by; letter case does not count.
	Hint string
	// Name is the customer's.
	Name string
	// Accounts are theirs; the ids are unique in the bank.
	Accounts []Account
}

// Account is an account of a customer.
type Account struct {
	ID   string
	Name string
	// Cents is the balance, in hundredths of a euro.
	Cents int64
}

// DemoCustomers are customers with their accounts.
func DemoCustomers() []Customer {
	return []Customer{
		{Hint: "ada", Name: "Ada Vermeer", Accounts: []Account{
			{ID: "NL-1001", Name: "Current account", Cents: 1_234_56},
			{ID: "NL-1002", Name: "Savings", Cents: 8_750_00},
		}},
		{Hint: "bo", Name: "Bo Nilsson", Accounts: []Account{{ID: "NL-2001", Name: "Current account", Cents: 42_00}}},
		{Hint: "cleo", Name: "Cleo Marin", Accounts: []Account{{ID: "NL-3001", Name: "Current account", Cents: 7_50}}},
	}
}

// Bank is the client's system. It may be used by several goroutines at once.
type Bank struct {
	// Faults befall calls of the Login API and of the back end; see [Calling].
	Faults faults.Injector

	options  Options
	loginAPI http.Handler
	backend  http.Handler

	mu        sync.Mutex
	keys      []redacted.Text
	customers []*Customer
	prompts   []*prompt // oldest first
	grants    []*grant  // oldest first
	calls     map[Operation]int
	hasty     int
}

// New returns a bank; options may be nil.
func New(options *Options) *Bank {
	var chosen Options
	if options != nil {
		chosen = *options
	}
	chosen.Name = cmp.Or(chosen.Name, "Demo Bank")
	chosen.PromptLife = cmp.Or(chosen.PromptLife, DefaultPromptLife)
	chosen.Interval = cmp.Or(chosen.Interval, DefaultInterval)
	chosen.TokenLife = cmp.Or(chosen.TokenLife, DefaultTokenLife)
	if chosen.Customers == nil {
		chosen.Customers = DemoCustomers()
	}
	if chosen.Now == nil {
		chosen.Now = time.Now
	}
	b := &Bank{options: chosen, keys: slices.Clone(chosen.Keys), calls: map[Operation]int{}}
	for _, customer := range chosen.Customers {
		customer.Accounts = slices.Clone(customer.Accounts) // transfers change them
		b.customers = append(b.customers, &customer)
	}
	b.loginAPI = b.counted(b.Faults.Wrap(b.loginRoutes()))
	b.backend = b.counted(b.Faults.Wrap(b.backendRoutes()))
	return b
}

// LoginAPI answers below the address of the setting LoginUrl.
func (b *Bank) LoginAPI() http.Handler { return b.loginAPI }

// Backend answers below the address of the setting BackendUrl.
func (b *Bank) Backend() http.Handler { return b.backend }

// SetKeys replaces the keys that the Login API accepts as x-api-key. While a key
// is rotated there are two. Without any, none is asked for.
func (b *Bank) SetKeys(keys ...redacted.Text) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keys = slices.Clone(keys)
}

// Calls is how often an operation was called, refusals and faults included.
func (b *Bank) Calls(operation Operation) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls[operation]
}

// Hasty is how many polls came earlier than the interval allows.
func (b *Bank) Hasty() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hasty
}

// Calling matches the requests of an operation, for [faults.Fault.When].
func Calling(operation Operation) func(*http.Request) bool {
	return func(r *http.Request) bool { return operationOf(r) == operation }
}

// operationOf is the first segment of the path.
func operationOf(r *http.Request) Operation {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return Operation(first)
}

func (b *Bank) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch called := operationOf(r); called {
		case StartLogin, PollLogin, RefreshToken, Balance, Accounts, Transfers:
			b.mu.Lock()
			b.calls[called]++
			b.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}

// failure is an answer that refuses a call.
type failure struct {
	status int
	detail string
}

// Error is what the caller reads.
func (f *failure) Error() string { return f.detail }

func refuse(status int, detail string) error {
	return &failure{status, detail}
}

// answered makes a handler of a function that returns what to answer, with the
// status for a success.
func answered(status int, serve func(r *http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		body, err := serve(r)
		var refused *failure
		switch {
		case err == nil:
			writeJSON(w, status, "application/json", body)
		case errors.As(err, &refused):
			if refused.status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			}
			writeJSON(w, refused.status, "application/problem+json",
				map[string]any{"title": http.StatusText(refused.status), "status": refused.status, "detail": refused.detail})
		default:
			http.Error(w, "internal error", http.StatusInternalServerError)
		}
	})
}

func writeJSON(w http.ResponseWriter, status int, contentType string, body any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a caller that has gone is no failure
}

// readBody reads a JSON object, and nothing after it.
func readBody(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	if err := decoder.Decode(into); err != nil || decoder.More() {
		return refuse(http.StatusBadRequest, "The body is not the JSON object that the contract wants.")
	}
	return nil
}

// equal compares secrets in time that tells nothing of them.
func equal(a, b redacted.Text) bool {
	return subtle.ConstantTimeCompare([]byte(a.Reveal()), []byte(b.Reveal())) == 1
}

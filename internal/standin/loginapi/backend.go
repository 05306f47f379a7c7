package loginapi

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// currency is that of all accounts.
const currency = "EUR"

func (b *Bank) backendRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /"+string(Balance), answered(http.StatusOK, b.forCustomer(b.balance)))
	mux.Handle("GET /"+string(Accounts)+"/{id}", answered(http.StatusOK, b.forCustomer(b.account)))
	mux.Handle("POST /"+string(Transfers), answered(http.StatusCreated, b.forCustomer(b.transfer)))
	return mux
}

// forCustomer wants the bank's token, and holds b.mu while serve runs.
func (b *Bank) forCustomer(serve func(*http.Request, *Customer) (any, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		customer, err := b.bearer(r)
		if err != nil {
			return nil, err
		}
		return serve(r, customer)
	}
}

// shownAccount is an account as the back end answers it.
type shownAccount struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Balance  string `json:"balance"`
	Currency string `json:"currency"`
}

func shown(account *Account) shownAccount {
	return shownAccount{account.ID, account.Name, amount(account.Cents), currency}
}

// amount writes cents as euros.
func amount(cents int64) string {
	return fmt.Sprintf("%d.%02d", cents/100, cents%100)
}

// parseAmount reads what amount writes, up to ten million euros.
func parseAmount(text string) (cents int64, ok bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	if len(whole) == 0 || len(whole) > 7 || len(fraction) > 2 || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, false
	}
	cents, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", 2-len(fraction)), 10, 64)
	return cents, err == nil && cents > 0
}

// balance is everything that the customer has.
func (b *Bank) balance(_ *http.Request, customer *Customer) (any, error) {
	var total int64
	accounts := make([]shownAccount, 0, len(customer.Accounts))
	for i := range customer.Accounts {
		accounts = append(accounts, shown(&customer.Accounts[i]))
		total += customer.Accounts[i].Cents
	}
	return map[string]any{"customer": customer.Name, "currency": currency, "balance": amount(total), "accounts": accounts}, nil
}

func (b *Bank) account(r *http.Request, customer *Customer) (any, error) {
	found := customer.account(r.PathValue("id"))
	if found == nil { // another customer's too
		return nil, refuse(http.StatusNotFound, "You have no such account.")
	}
	return shown(found), nil
}

func (c *Customer) account(id string) *Account {
	for i := range c.Accounts {
		if c.Accounts[i].ID == id {
			return &c.Accounts[i]
		}
	}
	return nil
}

// transfer moves money from an account of the customer's to any other.
func (b *Bank) transfer(r *http.Request, customer *Customer) (any, error) {
	var request struct{ From, To, Amount string }
	if err := readBody(r, &request); err != nil {
		return nil, err
	}
	cents, ok := parseAmount(request.Amount)
	from := customer.account(request.From)
	var to *Account
	for _, each := range b.customers {
		if found := each.account(request.To); found != nil {
			to = found
		}
	}
	switch {
	case !ok:
		return nil, refuse(http.StatusBadRequest, "amount must be like 12.50.")
	case from == nil, to == nil, from == to:
		return nil, refuse(http.StatusBadRequest, "from must be an account of yours, and to another one.")
	case from.Cents < cents:
		return nil, refuse(http.StatusUnprocessableEntity, "There is not enough money in the account.")
	}
	from.Cents -= cents
	to.Cents += cents
	return map[string]any{"from": shown(from), "to": to.ID, "amount": amount(cents), "currency": currency}, nil
}

// Package azurite runs a real Azurite, Microsoft's emulator of Azure Storage,
// as a child process: its Table service only, in memory, on a free port of
// loopback.
//
// Azurite comes from the lock file in folder e2e, so that every run tests
// against the same version. It is for tests and for one machine; no deployed
// program imports this package.
package azurite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// DefaultAccount and Key are the account that Azurite has where nobody names
// others, and the key of all its accounts here. Both are public: they stand in
// Microsoft's documentation and open nothing outside the emulator.
const (
	DefaultAccount = "devstoreaccount1"
	Key            = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// ErrNotInstalled means that Azurite or Node.js is missing. The errors that
// wrap it say how to get them.
var ErrNotInstalled = errors.New("azurite is not installed")

const (
	startTimeout = 30 * time.Second
	// Another process may take the port between its choice and Azurite's start.
	startAttempts = 3
)

// Options says how Azurite runs. The zero value is one account over http.
type Options struct {
	// Accounts are the names of the accounts, each with [Key]; by default
	// [DefaultAccount] alone. Tests that need empty tables take one each.
	Accounts []string
	// NodeModules is the folder that npm filled; by default e2e/node_modules
	// under the nearest folder above the working directory that has a go.mod.
	NodeModules string
	// Port to listen on; 0 picks a free one.
	Port int
	// CertFile and KeyFile (PEM) make it speak https and accept bearer tokens,
	// of which it checks audience, issuer and time but not the signature.
	CertFile, KeyFile string
}

// Server is a running Azurite.
type Server struct {
	process *process
	scheme  string
	address string
}

// Start starts Azurite and returns when it listens. It runs until
// [Server.Close], until ctx is done, or until this process ends, however that
// happens. An error that wraps [ErrNotInstalled] asks for `make deps`.
func Start(ctx context.Context, options *Options) (*Server, error) {
	if options == nil {
		options = &Options{}
	}
	script, err := options.script()
	if err != nil {
		return nil, err
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("%w: node is not in PATH: install Node.js 20 or newer, then run \"make deps\"", ErrNotInstalled)
	}
	for attempt := 1; ; attempt++ {
		server, err := options.startOnce(ctx, node, script)
		if errors.Is(err, syscall.EADDRINUSE) && options.Port == 0 && attempt < startAttempts {
			continue
		}
		return server, err
	}
}

// Close ends Azurite and frees its port. What it stored is gone.
func (s *Server) Close() error {
	return s.process.kill()
}

// Address is where Azurite listens, as host:port.
func (s *Server) Address() string {
	return s.address
}

// Endpoint is an account's address for the Table service, without a slash at
// the end.
func (s *Server) Endpoint(account string) string {
	return s.scheme + "://" + s.address + "/" + account
}

// ConnectionString is what opens an account with its key.
func (s *Server) ConnectionString(account string) string {
	return fmt.Sprintf("DefaultEndpointsProtocol=%s;AccountName=%s;AccountKey=%s;TableEndpoint=%s;",
		s.scheme, account, Key, s.Endpoint(account))
}

func (o *Options) startOnce(ctx context.Context, node, script string) (*Server, error) {
	port := o.Port
	if port == 0 {
		var err error
		if port, err = freePort(ctx); err != nil {
			return nil, fmt.Errorf("looking for a free port: %w", err)
		}
	}
	child, err := spawn(ctx, node, o.arguments(script, port), o.accounts())
	if err != nil {
		return nil, fmt.Errorf("starting azurite: %w", err)
	}
	ready, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := child.waitUntilReady(ready); err != nil {
		return nil, errors.Join(fmt.Errorf("starting azurite: %w", err), child.kill())
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return &Server{process: child, scheme: o.scheme(), address: address}, nil
}

func (o *Options) scheme() string {
	if o.CertFile != "" {
		return "https"
	}
	return "http"
}

// endWithParent makes Node end when its standard input closes, which the
// system does when this process ends: no Azurite outlives a test that was killed.
const endWithParent = `data:text/javascript,process.stdin.resume().on("end",()=>process.exit())`

func (o *Options) arguments(script string, port int) []string {
	args := []string{
		"--import", endWithParent, script,
		"--silent", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry",
		"--tableHost", "127.0.0.1", "--tablePort", strconv.Itoa(port),
	}
	if o.CertFile != "" {
		args = append(args, "--oauth", "basic", "--cert", o.CertFile, "--key", o.KeyFile)
	}
	return args
}

// accounts is the environment variable that names them to Azurite.
func (o *Options) accounts() string {
	accounts := o.Accounts
	if len(accounts) == 0 {
		accounts = []string{DefaultAccount}
	}
	entries := make([]string, len(accounts))
	for i, account := range accounts {
		entries[i] = account + ":" + Key
	}
	return "AZURITE_ACCOUNTS=" + strings.Join(entries, ";")
}

// script finds the program itself rather than npm's shell wrapper, so that the
// child is Node and not a shell with Node below it.
func (o *Options) script() (string, error) {
	modules := o.NodeModules
	if modules == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		modules = filepath.Join(root, "e2e", "node_modules")
	}
	script := filepath.Join(modules, "azurite", "dist", "src", "table", "main.js")
	_, err := os.Stat(script)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w in %s: run \"make deps\" (npm ci in e2e)", ErrNotInstalled, modules)
	}
	return script, err
}

func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		above := filepath.Dir(folder)
		if above == folder {
			return "", fmt.Errorf("%w: no go.mod above the working directory: name the folder node_modules", ErrNotInstalled)
		}
		folder = above
	}
}

func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	address, err := netip.ParseAddrPort(listener.Addr().String())
	return int(address.Port()), err
}

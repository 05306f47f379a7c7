// Command local runs the whole of Chatgate on one machine: the packaged handler
// under a stand-in of the Functions host, with stand-ins of Key Vault, the
// managed identity, Direct Line with a demo bot, Service Bus, and Entra ID with
// people who sign in to the service desk.
//
// It is started by `make run` from the project's folder, reads dist/ as Azure
// would, keeps its data in .local/ between runs, and stops everything on Ctrl-C.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/directline"
	"chatgate/internal/standin/functionshost"
	"chatgate/internal/standin/loginapi"
	"chatgate/internal/transcript/filestore"
)

const assistant = "demo"

// bankKey is the API key of the demo bank's login. It is no secret: it is the same
// everywhere, so that `make login-api-check` can be tried.
const bankKey = "local-development-key"

// options are the command line.
type options struct {
	port     int
	dist     string
	data     string
	webChat  string
	lifetime time.Duration
	prompts  time.Duration
}

func main() {
	var o options
	port := flag.String("port", "7071", "port of the app on localhost; 0 takes a free one")
	check := flag.Bool("check", false, "only find out whether the port can be had")
	flag.StringVar(&o.dist, "dist", "dist", "the packaged app")
	flag.StringVar(&o.data, "data", ".local", "folder for what is kept between runs")
	flag.StringVar(&o.webChat, "webchat", filepath.Join(".cache", "webchat", "webchat.js"), "Web Chat's bundle")
	flag.DurationVar(&o.lifetime, "token-lifetime", directline.DefaultTokenLifetime, "life of a Direct Line token")
	flag.DurationVar(&o.prompts, "login-life", loginapi.DefaultPromptLife, "how long the user's phone asks about a login")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	err := start(ctx, o, *port, *check)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chatgate:", err)
		os.Exit(1)
	}
}

// endings are the signals that end it in good order. A terminal that is closed
// sends SIGHUP, which nohup has ignored.
func endings() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// start is run, or only the look at the port by which make finds out first whether
// dist/ belongs to an app that runs already.
func start(ctx context.Context, o options, port string, check bool) (err error) {
	if o.port, err = parsePort(port); err != nil {
		return err
	}
	if !check {
		return run(ctx, o, os.Stdout)
	}
	listener, err := listen(ctx, o.port)
	if err != nil {
		return err
	}
	return listener.Close()
}

func parsePort(text string) (int, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("PORT must be a number, at most 65535, such as 7071; %q is none", text)
	}
	return int(port), nil
}

// run starts everything, says where it is, and stops it when ctx ends.
func run(ctx context.Context, o options, stdout io.Writer) (err error) {
	// The handler's working directory is its own, so that it needs whole paths.
	if o.data, err = filepath.Abs(o.data); err != nil {
		return fmt.Errorf("finding the folder for local data: %w", err)
	}
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return fmt.Errorf("making the folder for local data: %w", err)
	}
	listener, err := listen(ctx, o.port)
	if err != nil {
		return err
	}
	if address, ok := listener.Addr().(*net.TCPAddr); ok {
		o.port = address.Port // port 0 means any
	}
	azure, err := startCloud(ctx, o)
	if err != nil {
		return errors.Join(fmt.Errorf("starting the stand-ins: %w", err), listener.Close())
	}
	defer func() { err = errors.Join(err, closeWithin(azure.Close)) }()

	file := filepath.Join(o.data, "conversations.db")
	store, err := filestore.Open(file, nil)
	if err != nil {
		return errors.Join(fmt.Errorf("opening the conversation store: %w", err), listener.Close())
	}
	env := environment(o, azure, file)
	site := &site{cloud: azure, store: store, webChat: o.webChat, env: env}
	host, err := functionshost.Start(ctx, functionshost.Options{
		Dir:      o.dist,
		Env:      env,
		Listener: listener,
		Bus:      azure.Bus,
		Local:    site.handler(),
		Output:   stdout,
		Timers:   filepath.Join(o.data, "timers"),
	})
	if err != nil {
		return fmt.Errorf("starting the app: %w", err)
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	site.host.Store(host)
	announce(stdout, o.port)
	select {
	case <-ctx.Done():
		fmt.Fprintln(stdout, "\nStopping …")
		return nil
	case <-host.Done():
		return fmt.Errorf("the app ended: %w", host.Err())
	}
}

// listen opens the port first: that it is taken is what most often goes wrong.
func listen(ctx context.Context, port int) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("opening port %d (PORT=7072 make run takes another): %w", port, err)
	}
	return listener, nil
}

func startCloud(ctx context.Context, o options) (*cloud.Cloud, error) {
	key, err := loadVisitorKey(filepath.Join(o.data, "visitor-key.json"))
	if err != nil {
		return nil, err
	}
	return cloud.Start(ctx, cloud.Options{
		Assistant:         assistant,
		Origins:           origins(o.port),
		BusDir:            filepath.Join(o.data, "bus"),
		VisitorKey:        key.Value,
		VisitorKeyVersion: key.Version,
		DirectLine:        &directline.Options{Endpoint: endpoint(o.port), TokenLifetime: o.lifetime},
		Authority:         fmt.Sprintf("http://localhost:%d%s", o.port, signInPath),
		AppURL:            fmt.Sprintf("http://localhost:%d", o.port),
		BankURL:           fmt.Sprintf("http://localhost:%d%s", o.port, bankPath),
		BankKey:           bankKey,
		LoginLife:         o.prompts,
		// Of the same host as Direct Line, whose cookie the sign-in page gets.
		TokenServiceURL: fmt.Sprintf("http://127.0.0.1:%d%s", o.port, tokenServicePath),
		DeskPages:       deskPages(o.port),
	})
}

func origins(port int) []string {
	return []string{fmt.Sprintf("http://localhost:%d", port), fmt.Sprintf("http://127.0.0.1:%d", port)}
}

// deskPages are the addresses of the service desk's page.
func deskPages(port int) []string {
	pages := origins(port)
	for i := range pages {
		pages[i] += "/api/site/desk/"
	}
	return pages
}

// endpoint is where the browser finds Direct Line: the same server as the page
// by another name, so that the two are cross-origin as in production.
func endpoint(port int) string {
	return fmt.Sprintf("http://127.0.0.1:%d/v3/directline", port)
}

// environment is what Azure would hand to the app as its settings.
func environment(o options, azure *cloud.Cloud, file string) []string {
	return append(secretSettings(azure),
		"AZURE_FUNCTIONS_ENVIRONMENT=Development",
		"ConversationStore=file:"+file,
		"Assistants__"+assistant+"__DirectLineEndpoint="+endpoint(o.port),
		"WebChatUrl=/local/webchat.js",
	)
}

// secretSettings lead the app to its secrets. On macOS and Windows Go takes its
// roots from the system and not from SSL_CERT_FILE, so that the vault cannot be
// reached there: the secret is a setting, and there are no visitor tokens.
func secretSettings(azure *cloud.Cloud) []string {
	if runtime.GOOS != "darwin" && runtime.GOOS != "windows" {
		return azure.Env()
	}
	prefix := "Assistants__" + assistant + "__"
	env := slices.DeleteFunc(azure.Env(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return name == "VisitorKeySecretName" || name == "KEY_VAULT_URI" || name == prefix+"DirectLineSecretName" ||
			name == "SealingKeySecretName" || name == prefix+"LoginApiKeySecretName"
	})
	azure.Bank.SetKeys() // the key would be in the vault
	return append(env, "SealingKey="+cloud.NewKey(), prefix+"DirectLineSecret="+azure.DirectLine.Secret(directline.Key1).Reveal())
}

const closeTimeout = 5 * time.Second

func closeWithin(closing func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return closing(ctx)
}

func announce(stdout io.Writer, port int) {
	base := fmt.Sprintf("http://localhost:%d", port)
	fmt.Fprintf(stdout, `
Chatgate runs on this machine.

  Chat          %[1]s/api/site/chat/
  Phone         %[1]s/local/phone       (say "log in" in the chat)
  Service desk  %[1]s/api/site/desk/
  What runs     %[1]s/
  Transcripts   %[1]s/local/transcripts
  Send to bus   POST %[1]s/local/bus/conversation-activities/messages

Ctrl-C stops everything.

`, base)
}

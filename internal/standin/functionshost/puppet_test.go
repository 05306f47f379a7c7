package functionshost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// call is what the handler process was asked, as the test gets to see it.
type call struct {
	Method           string
	URI              string
	Host             string
	Header           http.Header
	TransferEncoding []string
	ContentLength    int64
	Body             []byte
	Broken           string // why the body could not be read whole
}

// order is what the test has the handler process do about a call.
type order struct {
	Status int // 0: 200
	Header map[string]string
	Body   string
	// Chunked sends the answer without a length.
	Chunked bool
	// Stdout and Stderr are printed first.
	Stdout, Stderr string
	// Spawn starts a process that outlives its parent; its id is answered.
	Spawn bool
	// Exit ends the process with this code in place of an answer.
	Exit *int
}

// puppet is a handler that does what a test says. It takes nothing but the
// environment from the test binary that it is.
type puppet struct {
	url  string
	exit chan int
}

func newPuppet(url string) *puppet {
	return &puppet{url: url, exit: make(chan int, 1)}
}

// run asks for leave to start, then serves until it is told to exit.
func (p *puppet) run() int {
	start := p.ask("/start", call{})
	p.print(start)
	if start.Exit != nil {
		return *start.Exit
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:"+os.Getenv("FUNCTIONS_CUSTOMHANDLER_PORT"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM, os.Interrupt)
	go func() { <-terminated; p.ask("/asked-to-stop", call{}) }()
	go func() { _ = http.Serve(listener, p) }()
	return <-p.exit
}

func (p *puppet) ask(path string, asked call) order {
	body, _ := json.Marshal(asked)
	response, err := http.Post(p.url+path, "application/json", bytes.NewReader(body))
	if err != nil {
		os.Exit(3)
	}
	var answer order
	err = json.NewDecoder(response.Body).Decode(&answer)
	response.Body.Close()
	if err != nil {
		os.Exit(4)
	}
	return answer
}

func (p *puppet) print(o order) {
	fmt.Fprint(os.Stdout, o.Stdout)
	fmt.Fprint(os.Stderr, o.Stderr)
}

func (p *puppet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "/echo") {
		echo(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	asked := call{
		Method: r.Method, URI: r.RequestURI, Host: r.Host, Header: r.Header,
		TransferEncoding: r.TransferEncoding, ContentLength: r.ContentLength, Body: body,
	}
	if err != nil {
		asked.Broken = err.Error()
	}
	path := "/call"
	if r.URL.Path == "/" {
		path = "/ready"
	}
	p.carryOut(w, p.ask(path, asked))
}

func (p *puppet) carryOut(w http.ResponseWriter, o order) {
	p.print(o)
	if o.Exit != nil {
		p.exit <- *o.Exit
		select {}
	}
	if o.Spawn {
		child := exec.Command("sleep", "3600")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr // it holds on to the pipes
		if err := child.Start(); err != nil {
			o.Body = err.Error()
		} else {
			o.Body = strconv.Itoa(child.Process.Pid)
		}
	}
	for name, value := range o.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(max(o.Status, 200))
	if o.Chunked {
		_ = http.NewResponseController(w).Flush()
	}
	_, _ = io.WriteString(w, o.Body)
}

// echo writes back each line as soon as it has read it, in upper case.
func echo(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex()
	w.WriteHeader(http.StatusOK)
	_ = control.Flush()
	buffer := make([]byte, 1024)
	for {
		n, err := r.Body.Read(buffer)
		_, _ = w.Write(bytes.ToUpper(slices.Clone(buffer[:n])))
		_ = control.Flush()
		if err != nil {
			return
		}
	}
}

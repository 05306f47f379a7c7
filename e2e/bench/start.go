package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// starts is how often each program is started.
const starts = 15

// tokenRequest is what a page's script sends.
func tokenRequest() []byte {
	return post("/api/GetNewToken/demo", "Origin: "+origin+"\r\nContent-Type: application/json\r\n", "")
}

func (b *bench) production() program {
	return program{path: b.handler, env: b.world.production()}
}

func (b *bench) goServer() program {
	return program{path: filepath.Join(b.peers, "server")}
}

// nodeServer is false where there is no Node.
func (b *bench) nodeServer() (program, bool) {
	node, err := exec.LookPath("node")
	return program{path: node, args: []string{filepath.Join(b.nodeDir, "server.mjs")}}, err == nil
}

// contestant is a program with the request whose first 200 counts.
type contestant struct {
	program program
	request []byte
	took    []float64
}

func (b *bench) measureStart(ctx context.Context) error {
	handler := &contestant{program: b.production(), request: getRoot()}
	token := &contestant{program: b.production(), request: tokenRequest()}
	bare := &contestant{program: b.goServer(), request: getRoot()}
	all := []*contestant{handler, token, bare}
	node, hasNode := b.nodeServer()
	script := &contestant{program: node, request: getRoot()}
	if hasNode {
		all = append(all, script)
	}
	for range starts {
		for _, c := range all {
			if err := c.start(ctx); err != nil {
				return err
			}
		}
	}
	beside := fmt.Sprintf("the least net/http server in Go: %s ms", digits(median(bare.took)))
	if hasNode {
		beside += fmt.Sprintf("; in Node: %s ms", digits(median(script.took)))
	}
	b.table.add(row{"process start to first 200", median(handler.took), "ms", atMost(12), beside})
	b.table.add(row{"process start to first token", median(token.took), "ms", target{}, "identity, Key Vault and Direct Line by TLS included"})
	return nil
}

func (c *contestant) start(ctx context.Context) error {
	process, err := spawn(ctx, c.program)
	if err != nil {
		return err
	}
	took, err := process.until200(ctx, c.request)
	c.took = append(c.took, milliseconds(took))
	return errors.Join(err, process.kill())
}

// settling is how long a process is left alone before its memory is read.
const settling = 2 * time.Second

// measureRest measures what the handler takes while nothing is asked of it.
func (b *bench) measureRest(ctx context.Context) error {
	size, err := megabytes(b.handler)
	if err != nil {
		return err
	}
	bareSize, err := megabytes(b.goServer().path)
	if err != nil {
		return err
	}
	b.table.add(row{"binary", size, "MB", atMost(14), fmt.Sprintf("the least net/http server in Go: %s MB", digits(bareSize))})
	resident, err := idle(ctx, b.production(), tokenRequest())
	if err != nil {
		return err
	}
	bareResident, err := idle(ctx, b.goServer(), getRoot())
	if err != nil {
		return err
	}
	beside := fmt.Sprintf("the least net/http server in Go: %s MiB", digits(bareResident))
	if node, hasNode := b.nodeServer(); hasNode {
		nodeResident, err := idle(ctx, node, getRoot())
		if err != nil {
			return err
		}
		beside += fmt.Sprintf("; in Node: %s MiB", digits(nodeResident))
	}
	b.table.add(row{"memory at rest after a first call (RSS)", resident, "MiB", atMost(16), beside})
	return nil
}

func megabytes(path string) (float64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("looking at a program: %w", err)
	}
	return float64(info.Size()) / 1e6, nil
}

// idle is the memory of a program that has answered one request.
func idle(ctx context.Context, p program, request []byte) (resident float64, err error) {
	process, err := spawn(ctx, p)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, process.kill()) }()
	if _, err := process.until200(ctx, request); err != nil {
		return 0, err
	}
	select {
	case <-time.After(settling):
	case <-ctx.Done():
	}
	return process.memory("VmRSS")
}

// Command bench measures the handler as it is deployed, in processes of its own,
// beside what one would pick instead, and prints a table.
//
// What is compared runs turn about, so that a machine that is busy for a moment
// slows both sides; figures are medians. Nothing here fails on a slow machine:
// the table says which targets were met and what the load was.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

// bench is what the measurements share.
type bench struct {
	handler string // path of the handler
	peers   string // folder of the peers' programs
	nodeDir string // folder of the peers' scripts
	world   *world
	table   *table
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	b := &bench{table: &table{}}
	flag.StringVar(&b.handler, "handler", "dist/handler", "the handler")
	flag.StringVar(&b.peers, "peers", ".cache/bench", "folder of the built peers")
	flag.StringVar(&b.nodeDir, "scripts", "e2e/bench/peers", "folder of the peers in Node")
	only := flag.String("only", "", "one measurement: start, rest, tokens, store, memory or code")
	flag.Parse()
	if b.world, err = newWorld(ctx); err != nil {
		return fmt.Errorf("starting the stand-ins: %w", err)
	}
	defer func() { err = errors.Join(err, b.world.close(context.WithoutCancel(ctx))) }()
	if err := b.measure(ctx, *only); err != nil {
		return err
	}
	fmt.Println(b.table)
	return nil
}

func (b *bench) measure(ctx context.Context, only string) error {
	for _, m := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"start", b.measureStart},
		{"rest", b.measureRest},
		{"tokens", b.measureTokens},
		{"store", b.measureStore},
		{"memory", b.measureMemory},
		{"code", b.measureCode},
	} {
		if only != "" && only != m.name {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring: %s\n", m.name)
		if err := m.run(ctx); err != nil {
			return fmt.Errorf("measuring %s: %w", m.name, err)
		}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

const (
	sequentialCalls = 3000
	connections     = 32
	loadRounds      = 30
	roundLength     = 500 * time.Millisecond
)

// measureTokens compares GetNewToken with a call of the upstream itself, and with
// a reverse proxy before the same upstream.
func (b *bench) measureTokens(ctx context.Context) (err error) {
	handler, err := launch(ctx, program{path: b.handler, env: b.world.development(handlerAccount)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, handler.kill()) }()
	if _, err := handler.until200(ctx, tokenRequest()); err != nil {
		return err
	}
	proxy, err := launch(ctx, b.proxy())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, proxy.kill()) }()
	if err := b.oneByOne(ctx, handler.address, proxy.address); err != nil {
		return err
	}
	return b.together(ctx, handler, proxy)
}

func (b *bench) proxy() program {
	return program{path: filepath.Join(b.peers, "proxy"), env: []string{
		"UPSTREAM=" + b.world.upstream.URL + "/v3/directline", "SECRET=" + strings.Repeat("s", 50),
	}}
}

// oneByOne sends a call to each side in turn, over one connection each.
func (b *bench) oneByOne(ctx context.Context, handler, proxy string) error {
	upstream := post("/v3/directline/tokens/generate", "Authorization: Bearer "+strings.Repeat("s", 50)+"\r\nContent-Type: application/json\r\n",
		`{"user":{"id":"dl_ABCDEFGHIJKLMNOPQRSTUVWXYZ"},"trustedOrigins":["`+origin+`"]}`)
	sides := []struct {
		address string
		request []byte
	}{{handler, tokenRequest()}, {proxy, tokenRequest()}, {b.world.upstream.Listener.Addr().String(), upstream}}
	clients := make([]*client, len(sides))
	for i, side := range sides {
		client, err := dial(ctx, side.address)
		if err != nil {
			return err
		}
		defer func() { _ = client.connection.Close() }() // nothing is lost by it
		clients[i] = client
	}
	took := make([][]float64, len(sides))
	for range sequentialCalls {
		for i, side := range sides {
			ms, err := clients[i].timed(side.request)
			if err != nil {
				return err
			}
			took[i] = append(took[i], ms)
		}
	}
	bare := median(took[2])
	b.table.add(row{"what GetNewToken adds to a bare call of Direct Line, p50", median(took[0]) - bare, "ms", atMost(0.5),
		fmt.Sprintf("the bare call: %s ms; a reverse proxy adds %s ms", digits(bare), digits(median(took[1])-bare))})
	return nil
}

// together keeps connections busy on one side and then on the other.
func (b *bench) together(ctx context.Context, handler, proxy *process) error {
	var sides [2]*side
	for i, process := range []*process{handler, proxy} {
		load, err := newLoad(ctx, process.address, tokenRequest(), connections)
		if err != nil {
			return err
		}
		defer load.close()
		sides[i] = &side{process: process, load: load}
	}
	for round := range loadRounds + 1 {
		for _, side := range sides {
			if err := side.round(round == 0); err != nil {
				return err
			}
		}
	}
	compare(b.table, sides[0], sides[1])
	return nil
}

// side is one of two processes that run turn about, with a figure for each round.
type side struct {
	process *process
	load    *load

	p50, p99, perSecond []float64
	processor           []float64 // microseconds a call
}

// round loads the process once. A first round only warms it up.
func (s *side) round(warmUp bool) error {
	before, err := s.process.processorTime()
	if err != nil {
		return err
	}
	took, err := s.load.round(roundLength)
	if err != nil {
		return err
	}
	after, err := s.process.processorTime()
	if err != nil || warmUp {
		return err
	}
	calls := float64(len(took))
	s.p50 = append(s.p50, median(took))
	s.p99 = append(s.p99, quantile(took, 0.99))
	s.perSecond = append(s.perSecond, calls/roundLength.Seconds())
	s.processor = append(s.processor, (after-before)*1000/calls)
	return nil
}

// compare adds a row for each figure: the median of the rounds' ratios, and both
// sides' own medians.
func compare(t *table, ours, theirs *side) {
	for _, figure := range []struct {
		name       string
		our, their []float64
		unit       string
		wanted     target
	}{
		{"p50", ours.p50, theirs.p50, "ms", atMost(1.4)},
		{"p99", ours.p99, theirs.p99, "ms", target{}},
		{"throughput", ours.perSecond, theirs.perSecond, "calls/s", target{}},
		{"processor time of a call", ours.processor, theirs.processor, "µs", target{}},
	} {
		ratios := make([]float64, len(figure.our))
		for i := range ratios {
			ratios[i] = figure.our[i] / figure.their[i]
		}
		t.add(row{
			fmt.Sprintf("GetNewToken at %d connections beside a bare reverse proxy, %s", connections, figure.name),
			median(ratios), "times", figure.wanted,
			fmt.Sprintf("%s %s; the proxy: %s %s", digits(median(figure.our)), figure.unit, digits(median(figure.their)), figure.unit),
		})
	}
}

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
	loadRounds      = 15
	roundLength     = time.Second
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
	return b.together(ctx, handler.address, proxy.address)
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
func (b *bench) together(ctx context.Context, handler, proxy string) error {
	ours, err := newLoad(ctx, handler, tokenRequest(), connections)
	if err != nil {
		return err
	}
	defer ours.close()
	theirs, err := newLoad(ctx, proxy, tokenRequest(), connections)
	if err != nil {
		return err
	}
	defer theirs.close()
	var pairs comparison
	for i := range loadRounds + 1 {
		our, err := ours.round(roundLength)
		if err != nil {
			return fmt.Errorf("loading the handler: %w", err)
		}
		their, err := theirs.round(roundLength)
		if err != nil {
			return fmt.Errorf("loading the proxy: %w", err)
		}
		if i > 0 { // the first warms both up
			pairs.add(our, their)
		}
	}
	pairs.report(b.table)
	return nil
}

// comparison is what rounds turn about have shown.
type comparison struct {
	p50, p99, calls                [2][]float64
	p50Ratio, p99Ratio, callsRatio []float64
}

func (c *comparison) add(our, their []float64) {
	for i, took := range [][]float64{our, their} {
		c.p50[i] = append(c.p50[i], median(took))
		c.p99[i] = append(c.p99[i], quantile(took, 0.99))
		c.calls[i] = append(c.calls[i], float64(len(took))/roundLength.Seconds())
	}
	last := len(c.p50[0]) - 1
	c.p50Ratio = append(c.p50Ratio, c.p50[0][last]/c.p50[1][last])
	c.p99Ratio = append(c.p99Ratio, c.p99[0][last]/c.p99[1][last])
	c.callsRatio = append(c.callsRatio, c.calls[0][last]/c.calls[1][last])
}

func (c *comparison) report(t *table) {
	beside := func(values [2][]float64, unit string) string {
		return fmt.Sprintf("%s %s; the proxy: %s %s", digits(median(values[0])), unit, digits(median(values[1])), unit)
	}
	name := fmt.Sprintf("GetNewToken at %d connections beside a bare reverse proxy, ", connections)
	t.add(row{name + "p50", median(c.p50Ratio), "times", atMost(1.4), beside(c.p50, "ms")})
	t.add(row{name + "p99", median(c.p99Ratio), "times", target{}, beside(c.p99, "ms")})
	t.add(row{name + "throughput", median(c.callsRatio), "times", target{}, beside(c.calls, "calls/s")})
}

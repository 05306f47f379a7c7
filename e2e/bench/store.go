package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const storeRounds = 11

// measureStore compares PersistConversation with a bare client of the table
// service. Each side has an account of its own in the same emulator.
func (b *bench) measureStore(ctx context.Context) (err error) {
	handler, err := launch(ctx, program{path: b.handler, env: b.world.development(handlerAccount)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, handler.kill()) }()
	bare, err := newBareClient(ctx, b.world.tables.ConnectionString(bareAccount))
	if err != nil {
		return err
	}
	var ours, theirs, ratios []float64
	for round := range storeRounds + 1 {
		our, their, err := storeRound(ctx, handler, bare, round)
		if err != nil {
			return err
		}
		if round == 0 {
			continue // tables are created and connections opened
		}
		ours, theirs = append(ours, our), append(theirs, their)
		ratios = append(ratios, their/our)
	}
	perSecond := func(ms []float64) string { return digits(batchActivities / median(ms) * 1000) }
	b.table.add(row{
		fmt.Sprintf("PersistConversation, %d activities of %d conversations, beside bare aztables", batchActivities, batchConversations),
		median(ratios), "times", atLeast(0.75),
		fmt.Sprintf("%s activities/s; bare: %s activities/s", perSecond(ours), perSecond(theirs)),
	})
	return nil
}

// storeRound writes the same batch on both sides; they change places each round.
func storeRound(ctx context.Context, handler *process, bare *bareClient, round int) (ours, theirs float64, err error) {
	batch := smallBatch(round)
	envelope, err := batch.envelope()
	if err != nil {
		return 0, 0, err
	}
	activities, index, err := rowsOf(ctx, batch)
	if err != nil {
		return 0, 0, err
	}
	handlerFirst := round%2 == 0
	for _, handlersTurn := range []bool{handlerFirst, !handlerFirst} {
		start := time.Now()
		if handlersTurn {
			err = handler.invoke(ctx, envelope, batchActivities)
			ours = milliseconds(time.Since(start))
		} else {
			err = bare.put(ctx, activities, index)
			theirs = milliseconds(time.Since(start))
		}
		if err != nil {
			return 0, 0, err
		}
	}
	return ours, theirs, nil
}

// invoke posts an envelope as the host does, chunked, and checks that everything
// was stored.
func (p *process) invoke(ctx context.Context, envelope []byte, activities int) error {
	// A reader of unknown length makes the request chunked.
	body := io.MultiReader(bytes.NewReader(envelope))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.address+"/PersistConversation", body)
	if err != nil {
		return fmt.Errorf("making an invocation: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("invoking PersistConversation: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // it has been read by then
	var result struct {
		ReturnValue struct{ Stored int }
	}
	if err := json.NewDecoder(answer.Body).Decode(&result); err != nil {
		return fmt.Errorf("reading the answer of PersistConversation, status %d: %w", answer.StatusCode, err)
	}
	if result.ReturnValue.Stored != activities {
		return fmt.Errorf("PersistConversation answers %d and stored %d of %d activities", answer.StatusCode, result.ReturnValue.Stored, activities)
	}
	return nil
}

// measureMemory gives a new process one large batch.
func (b *bench) measureMemory(ctx context.Context) (err error) {
	envelope, err := largeBatch().envelope()
	if err != nil {
		return err
	}
	handler, err := launch(ctx, program{path: b.handler, env: b.world.development(memoryAccount)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, handler.kill()) }()
	if err := handler.invoke(ctx, envelope, largeMessages); err != nil {
		return err
	}
	busy, err := handler.processorTime()
	if err != nil {
		return err
	}
	peak, err := handler.memory("VmHWM")
	if err != nil {
		return err
	}
	size := float64(len(envelope))
	b.table.add(row{
		fmt.Sprintf("most memory during one batch of %.0f MB, as a multiple of the body", size/1e6),
		peak * (1 << 20) / size, "times", target{},
		fmt.Sprintf("%s MiB; %d messages with pictures, %s s of processor time", digits(peak), largeMessages, digits(busy/1000)),
	})
	return nil
}

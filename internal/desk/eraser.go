package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"chatgate/internal/audit"
	"chatgate/internal/problem"
	"chatgate/internal/transcript"
)

// Eraser erases one assistant's conversations for one consultant, and shows them
// the audit.
type Eraser struct {
	trail   trail
	eraser  transcript.Eraser
	timeout time.Duration
}

// Assistant is the id of the assistant, in lower case.
func (e *Eraser) Assistant() string { return e.trail.entry.Assistant }

// maxUserID is far above the ids of any channel. It bounds what an entry of the
// audit holds.
const maxUserID = 4 << 10

// erasuresAtOnce bounds the conversations that are erased at the same time.
const erasuresAtOnce = 8

// Conversation erases a conversation. That there is none is a success, so that a
// repeated request is one too.
func (e *Eraser) Conversation(ctx context.Context, key string) error {
	if !transcript.ValidKey(key) {
		return noConversation()
	}
	ctx, cancel := e.unhurried(ctx)
	defer cancel()
	if err := e.trail.record(ctx, deed{action: audit.EraseConversation, key: key, count: 1}); err != nil {
		return err
	}
	if err := e.eraser.Erase(ctx, e.Assistant(), key); err != nil {
		return unfinished(err)
	}
	return nil
}

// User erases all conversations in which a user took part, and returns how many
// there were. After an error what is erased stays erased; the request is to be
// repeated.
func (e *Eraser) User(ctx context.Context, userID string) (erased int, err error) {
	if userID == "" || len(userID) > maxUserID || !utf8.ValidString(userID) {
		return 0, problem.New(problem.BadRequest, fmt.Sprintf("The user's id must be UTF-8 text of 1 to %d bytes.", maxUserID))
	}
	ctx, cancel := e.unhurried(ctx)
	defer cancel()
	keys, interrupted, err := e.conversationsOf(ctx, userID)
	if err != nil {
		return 0, err
	}
	if err := e.trail.record(ctx, deed{action: audit.EraseUser, userID: userID, count: len(keys) + len(interrupted)}); err != nil {
		return 0, err
	}
	finished, failure := e.finishAll(ctx, interrupted)
	erased, err = e.eraseAll(ctx, userID, keys)
	if err = errors.Join(failure, err); err != nil {
		return 0, unfinished(err)
	}
	return erased + finished, nil
}

// finishAll finishes interrupted erasures and returns how many it did finish: one
// of the retention keeps a conversation that goes on, and others may have been
// faster.
func (e *Eraser) finishAll(ctx context.Context, keys []string) (int, error) {
	var finished atomic.Int64
	err := e.each(ctx, keys, func(ctx context.Context, assistant, key string) error {
		done, err := e.eraser.Finish(ctx, assistant, key)
		if done {
			finished.Add(1)
		}
		return err
	})
	return int(finished.Load()), err
}

// conversationsOf are the keys of a user's conversations, and of all others whose
// erasure was interrupted: those may be the user's, and the store may no longer
// know it.
func (e *Eraser) conversationsOf(ctx context.Context, userID string) (keys, interrupted []string, err error) {
	keys, err = e.eraser.UserConversations(ctx, e.Assistant(), userID)
	if err != nil {
		return nil, nil, unfinished(err)
	}
	interrupted, err = e.eraser.Unfinished(ctx, e.Assistant())
	if err != nil {
		return nil, nil, unfinished(err)
	}
	isTheirs := func(key string) bool { return slices.Contains(keys, key) }
	return keys, slices.DeleteFunc(interrupted, isTheirs), nil
}

// each does the same to conversations, some at a time. The failure of one does
// not keep it from the others.
func (e *Eraser) each(ctx context.Context, keys []string, do func(ctx context.Context, assistant, key string) error) error {
	var group errgroup.Group
	group.SetLimit(erasuresAtOnce)
	for _, key := range keys {
		group.Go(func() error { return do(ctx, e.Assistant(), key) })
	}
	return group.Wait()
}

// eraseAll erases conversations of a user until no further ones have appeared
// meanwhile, and returns how many there were.
func (e *Eraser) eraseAll(ctx context.Context, userID string, keys []string) (int, error) {
	times := map[string]int{}
	for {
		due, err := e.due(ctx, keys, times)
		if err != nil || len(due) == 0 {
			return len(times), err
		}
		if err := e.each(ctx, due, e.eraser.Erase); err != nil {
			return 0, err
		}
		if keys, err = e.eraser.UserConversations(ctx, e.Assistant(), userID); err != nil {
			return 0, err
		}
	}
}

// due returns the conversations that are to be erased, and counts them. One is
// erased once: the user may be writing in it at this moment, and what comes later
// is not part of what was to be erased. It is erased once more if it has no
// activities although the user is said to be in it: that is left by who stored
// one meanwhile and did not come to the end of it.
func (e *Eraser) due(ctx context.Context, keys []string, times map[string]int) ([]string, error) {
	var due []string
	for _, key := range keys {
		times[key]++
		switch times[key] {
		case 1:
			due = append(due, key)
		case 2:
			_, err := e.eraser.LastActivity(ctx, e.Assistant(), key)
			if errors.Is(err, transcript.ErrNoConversation) {
				due = append(due, key)
			} else if err != nil {
				return nil, err
			}
		}
	}
	return due, nil
}

// Audit returns a page of the assistant's audit, newest first. after is the Next
// of the page before, or empty. The page does not show its own reading.
func (e *Eraser) Audit(ctx context.Context, after string, limit int) (audit.Page, error) {
	page, err := e.trail.ledger.Page(ctx, e.Assistant(), after, limit)
	if errors.Is(err, audit.ErrNext) {
		return audit.Page{}, problem.New(problem.BadRequest, "The cursor is not one of the audit. Leave it out to begin with the newest entry.")
	}
	if err != nil {
		return audit.Page{}, unavailable("reading the audit", err)
	}
	if err := e.trail.record(ctx, deed{action: audit.ReadAudit, count: len(page.Entries)}); err != nil {
		return audit.Page{}, err
	}
	return page, nil
}

// unhurried is the context of an erasure: it goes on although the browser that
// asked for it has gone, but not for ever.
func (e *Eraser) unhurried(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), e.timeout)
}

func unfinished(err error) error {
	return problem.New(problem.StoreUnavailable, "Not everything could be erased yet. Repeat the request: what is erased stays erased.").
		Because(fmt.Errorf("erasing: %w", err))
}

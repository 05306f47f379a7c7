package desk

import (
	"context"
	"errors"
	"iter"

	"chatgate/internal/audit"
	"chatgate/internal/transcript"
)

// Reader reads one assistant's conversations for one consultant.
type Reader struct {
	trail   trail
	archive transcript.Archive
}

// Assistant is the id of the assistant, in lower case.
func (r *Reader) Assistant() string { return r.trail.entry.Assistant }

// List returns a page of conversations, newest first. after is where the page
// before ended; zero: the beginning.
func (r *Reader) List(ctx context.Context, span transcript.Span, after transcript.Mark, limit int) (transcript.Listing, error) {
	listing, err := r.archive.Recent(ctx, r.Assistant(), span, after, limit)
	if err != nil {
		return transcript.Listing{}, unavailable("listing conversations", err)
	}
	if err := r.trail.record(ctx, deed{action: audit.List, count: len(listing.Items)}); err != nil {
		return transcript.Listing{}, err
	}
	return listing, nil
}

// Read returns what is known of a conversation, and a part of its activities in
// order.
func (r *Reader) Read(ctx context.Context, key string, part transcript.Part) (transcript.Conversation, transcript.Excerpt, error) {
	conversation, err := r.conversation(ctx, key)
	if err != nil {
		return transcript.Conversation{}, transcript.Excerpt{}, err
	}
	excerpt, err := r.archive.Excerpt(ctx, r.Assistant(), key, part)
	if err != nil {
		return transcript.Conversation{}, transcript.Excerpt{}, unavailable("reading activities", err)
	}
	if err := r.trail.record(ctx, deed{action: audit.Read, key: key, count: len(excerpt.Records)}); err != nil {
		return transcript.Conversation{}, transcript.Excerpt{}, err
	}
	return conversation, excerpt, nil
}

// What is held in memory of a conversation that is exported.
const (
	exportRecords = 500
	exportBytes   = 4 << 20
)

// Export returns what is known of a conversation, and all of its activities in
// order, read while they are consumed. The sequence ends after its first error.
// The audit's entry has no count, since it is written before the first activity
// is read.
func (r *Reader) Export(ctx context.Context, key string) (transcript.Conversation, iter.Seq2[transcript.Record, error], error) {
	conversation, err := r.conversation(ctx, key)
	if err != nil {
		return transcript.Conversation{}, nil, err
	}
	if err := r.trail.record(ctx, deed{action: audit.Export, key: key}); err != nil {
		return transcript.Conversation{}, nil, err
	}
	return conversation, r.records(ctx, key), nil
}

func (r *Reader) records(ctx context.Context, key string) iter.Seq2[transcript.Record, error] {
	return func(yield func(transcript.Record, error) bool) {
		part := transcript.Part{Limit: exportRecords, MaxBytes: exportBytes}
		for more := true; more; more = part.After != "" {
			excerpt, err := r.archive.Excerpt(ctx, r.Assistant(), key, part)
			if err != nil {
				yield(transcript.Record{}, unavailable("reading activities", err))
				return
			}
			for _, record := range excerpt.Records {
				if !yield(record, nil) {
					return
				}
			}
			part.After = excerpt.Next
		}
	}
}

// conversation finds a conversation by its key. A key that no conversation can
// have is not told from one that none has.
func (r *Reader) conversation(ctx context.Context, key string) (transcript.Conversation, error) {
	if !transcript.ValidKey(key) {
		return transcript.Conversation{}, noConversation()
	}
	conversation, err := r.archive.Conversation(ctx, r.Assistant(), key)
	if errors.Is(err, transcript.ErrNoConversation) {
		return transcript.Conversation{}, noConversation()
	}
	if err != nil {
		return transcript.Conversation{}, unavailable("finding a conversation", err)
	}
	return conversation, nil
}

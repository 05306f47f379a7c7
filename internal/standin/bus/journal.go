package bus

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

// The buckets of each queue's bucket.
const (
	messagesBucket = "messages" // sequence number → message as JSON; its sequence is the last number given
	recentBucket   = "recent"   // message id → when it was sent, Unix nanoseconds
)

// journal keeps messages in a file. Without a file it keeps nothing.
type journal struct{ db *bbolt.DB }

// kept is what a journal holds of one queue.
type kept struct {
	last     int64
	messages []*Message
	recent   map[string]time.Time
}

func openJournal(dir string) (*journal, error) {
	if dir == "" {
		return &journal{}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory for messages: %w", err)
	}
	// Without fsync a write still survives the death of the process, since the
	// kernel has it; only a power cut could lose it, and that is not stood in for.
	db, err := bbolt.Open(filepath.Join(dir, "bus.db"), 0o600, &bbolt.Options{Timeout: time.Second, NoSync: true, NoFreelistSync: true})
	if err != nil {
		return nil, fmt.Errorf("opening the file of messages in %s (only one process can use it): %w", dir, err)
	}
	return &journal{db: db}, nil
}

// add keeps new messages, with their ids where duplicates are looked for.
func (j *journal) add(queue string, messages []*Message, remember bool) error {
	return j.update(queue, len(messages), func(stored, recent *bbolt.Bucket) error {
		for _, message := range messages {
			if err := put(stored, message); err != nil {
				return err
			}
			if !remember || message.ID == "" {
				continue
			}
			at := binary.BigEndian.AppendUint64(nil, uint64(message.EnqueuedAt.UnixNano()))
			if err := recent.Put([]byte(message.ID), at); err != nil {
				return fmt.Errorf("remembering a message id: %w", err)
			}
		}
		return stored.SetSequence(uint64(messages[len(messages)-1].SequenceNumber))
	})
}

// save writes messages as they now are.
func (j *journal) save(queue string, messages []*Message) error {
	return j.update(queue, len(messages), func(stored, _ *bbolt.Bucket) error {
		for _, message := range messages {
			if err := put(stored, message); err != nil {
				return err
			}
		}
		return nil
	})
}

func (j *journal) remove(queue string, messages []*Message) error {
	return j.update(queue, len(messages), func(stored, _ *bbolt.Bucket) error {
		for _, message := range messages {
			if err := stored.Delete(key(message)); err != nil {
				return fmt.Errorf("deleting a message: %w", err)
			}
		}
		return nil
	})
}

func (j *journal) update(queue string, messages int, change func(stored, recent *bbolt.Bucket) error) error {
	if j.db == nil || messages == 0 {
		return nil
	}
	return j.db.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists([]byte(queue))
		if err != nil {
			return fmt.Errorf("making room for the queue: %w", err)
		}
		stored, storedErr := bucket.CreateBucketIfNotExists([]byte(messagesBucket))
		recent, recentErr := bucket.CreateBucketIfNotExists([]byte(recentBucket))
		if err := errors.Join(storedErr, recentErr); err != nil {
			return fmt.Errorf("making room for messages: %w", err)
		}
		return change(stored, recent)
	})
}

func key(message *Message) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(message.SequenceNumber))
}

func put(bucket *bbolt.Bucket, message *Message) error {
	value, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	if err := bucket.Put(key(message), value); err != nil {
		return fmt.Errorf("writing a message: %w", err)
	}
	return nil
}

// load reads what is kept of a queue, messages by sequence number.
func (j *journal) load(queue string) (kept, error) {
	all := kept{recent: map[string]time.Time{}}
	if j.db == nil {
		return all, nil
	}
	err := j.db.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(queue))
		if bucket == nil {
			return nil
		}
		return all.read(bucket)
	})
	return all, err
}

func (k *kept) read(bucket *bbolt.Bucket) error {
	stored, recent := bucket.Bucket([]byte(messagesBucket)), bucket.Bucket([]byte(recentBucket))
	if stored == nil || recent == nil {
		return errors.New("the file is of another form")
	}
	k.last = int64(stored.Sequence())
	err := stored.ForEach(func(_, value []byte) error {
		message := &Message{}
		k.messages = append(k.messages, message)
		return json.Unmarshal(value, message)
	})
	if err != nil {
		return fmt.Errorf("reading a message: %w", err)
	}
	return recent.ForEach(func(id, at []byte) error {
		if len(at) == 8 {
			k.recent[string(id)] = time.Unix(0, int64(binary.BigEndian.Uint64(at)))
		}
		return nil
	})
}

// forget drops message ids that duplicates are no longer looked for.
func (j *journal) forget(queue string, ids []string) error {
	return j.update(queue, len(ids), func(_, recent *bbolt.Bucket) error {
		for _, id := range ids {
			if err := recent.Delete([]byte(id)); err != nil {
				return fmt.Errorf("forgetting a message id: %w", err)
			}
		}
		return nil
	})
}

func (j *journal) close() error {
	if j.db == nil {
		return nil
	}
	if err := j.db.Close(); err != nil {
		return fmt.Errorf("closing the file of messages: %w", err)
	}
	return nil
}

package transcript

import "fmt"

// intake is the work on the messages of one call of [Recorder.Record].
type intake struct {
	recorder *Recorder
	// records are the distinct activities to store, and places where among
	// them each key is.
	records []Record
	places  map[Key]int
	// senders are the messages that the records came in.
	senders []sender
	// outcomes has an entry for each message.
	outcomes []outcome

	builder builder
	// parsed and built are scratch space of a single message.
	parsed []activity
	built  []Record
}

// sender says that a record came in a message; both by index.
type sender struct {
	record, message int
}

// outcome is what became of a message: a fault, or activities.
type outcome struct {
	fault           *fault
	stored, skipped int
}

func newIntake(recorder *Recorder, messages int) *intake {
	return &intake{
		recorder: recorder,
		records:  make([]Record, 0, messages),
		places:   make(map[Key]int, messages),
		senders:  make([]sender, 0, messages),
		outcomes: make([]outcome, messages),
		builder:  newBuilder(recorder),
	}
}

// add takes in a message: all of its activities or, where one has a fault, none.
func (in *intake) add(index int, message *Message) {
	out := &in.outcomes[index]
	assistant, known := in.recorder.assistant(message.Assistant)
	if !known {
		out.fault = &fault{UnknownAssistant, unknownDetail(message.Assistant)}
		return
	}
	in.parsed, out.fault = activitiesOf(message.Body, in.parsed[:0])
	if out.fault != nil {
		return
	}
	in.builder.begin(assistant, message)
	out.skipped, out.fault = in.build()
	if out.fault != nil {
		return
	}
	out.stored = len(in.built)
	for i := range in.built {
		in.keep(index, &in.built[i])
	}
}

func unknownDetail(named string) string {
	if named == "" {
		return "the message names no assistant, and there is not exactly one"
	}
	return "no assistant of this name is known"
}

// build makes records of the parsed activities, except of skipped types.
func (in *intake) build() (skipped int, tooLarge *fault) {
	in.built = in.built[:0]
	for position := range in.parsed {
		found := &in.parsed[position]
		if in.recorder.isSkipped(in.builder.name(found.kind)) {
			skipped++
			continue
		}
		record, fits := in.builder.record(found, position)
		if !fits {
			detail := fmt.Sprintf("element %d: %d bytes, more than a row holds when gzipped", position, len(found.json))
			return 0, &fault{TooLarge, detail}
		}
		in.built = append(in.built, record)
	}
	return skipped, nil
}

// keep adds a record, in place of one of the same key: a batch of Table Storage
// takes each row once, and the later one is what two batches would leave.
func (in *intake) keep(message int, record *Record) {
	place, seen := in.places[record.Key]
	if !seen {
		place = len(in.records)
		in.places[record.Key] = place
		in.records = append(in.records, Record{})
	}
	in.records[place] = *record
	in.senders = append(in.senders, sender{record: place, message: message})
}

// forget lets go of the records, which are stored.
func (in *intake) forget() {
	clear(in.records)
	clear(in.places)
	in.records, in.senders = in.records[:0], in.senders[:0]
	in.builder = newBuilder(in.recorder)
}

// refuse sets aside every message that holds one of the refused records.
func (in *intake) refuse(refused []Refusal) {
	causes := make(map[int]error, len(refused))
	for i := range refused {
		if place, ours := in.places[refused[i].Record.Key]; ours {
			causes[place] = refused[i].Cause
		}
	}
	for _, sender := range in.senders {
		if cause, isRefused := causes[sender.record]; isRefused {
			in.outcomes[sender.message].fault = &fault{TooLarge, fmt.Sprintf("refused by the store: %v", cause)}
		}
	}
}

func (in *intake) result(messages []Message) Result {
	var total Result
	for i, out := range in.outcomes {
		if out.fault != nil {
			total.SetAside = append(total.SetAside, SetAside{Reason: out.fault.reason, Detail: out.fault.detail, Message: messages[i]})
			continue
		}
		total.Stored += out.stored
		total.Skipped += out.skipped
	}
	return total
}

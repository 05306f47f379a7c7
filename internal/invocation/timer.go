package invocation

import "io"

// MaxTimerBody is how many bytes the envelope of a timer trigger may have. The
// host's own has a few hundred.
const MaxTimerBody = 64 << 10

// Timer is what the host says of a timer trigger that fires.
type Timer struct {
	// PastDue says that the host was down at the time of this run, which is
	// made up for.
	PastDue bool
}

// DecodeTimer reads the envelope of a timer trigger that function.json declares
// as binding. Its value is an object, or a string that holds one, as from older
// hosts.
//
// Only that value must be there. A flag that is missing in it, or of another
// type, counts as false, and unknown members are skipped: a host that writes more
// or less must not keep a function from running.
//
// The error is a *[TooLargeError] beyond [MaxTimerBody], a *[MalformedError]
// where the body is not such an envelope, trailing data included, and otherwise
// wraps what reading from body returned. None of them quotes the envelope beyond
// one byte.
func DecodeTimer(body io.Reader, binding string) (Timer, error) {
	d := &timerDecoder{
		outer:   newScanner("the envelope", newBoundedReader(body, MaxTimerBody)),
		binding: binding,
	}
	if err := d.envelope(); err != nil {
		return Timer{}, err
	}
	return d.timer, nil
}

// timerDecoder walks the envelope of a timer trigger.
type timerDecoder struct {
	outer   *scanner
	binding string
	found   bool // Data has the binding
	timer   Timer
}

// envelope reads the whole body.
func (d *timerDecoder) envelope() error {
	if err := d.outer.object("an object with the member Data", d.member); err != nil {
		return err
	}
	if err := d.outer.finish(); err != nil {
		return err
	}
	if !d.found {
		return d.misplaced("an object "+d.place(), "no such member")
	}
	return nil
}

func (d *timerDecoder) place() string {
	return "Data." + d.binding
}

func (d *timerDecoder) misplaced(expected, found string) error {
	return &MalformedError{Where: d.outer.where, Offset: d.outer.offset(), Expected: expected, Found: found}
}

// member reads a member of the envelope.
func (d *timerDecoder) member(name []byte) error {
	if string(name) != "Data" {
		return d.outer.skip()
	}
	return objectOrSkip(d.outer, d.data)
}

// data reads a member of Data.
func (d *timerDecoder) data(name []byte) error {
	if string(name) != d.binding {
		return d.outer.skip()
	}
	if d.found {
		return d.misplaced("one "+d.place(), "another one")
	}
	d.found = true
	c, err := d.outer.peek("a value")
	if err != nil {
		return err
	}
	if c != '"' {
		return d.info(d.outer)
	}
	content, err := d.outer.string()
	if err != nil {
		return err
	}
	inner := newScanner(d.place(), content)
	if err := d.info(inner); err != nil {
		return err
	}
	return inner.finish()
}

// info reads the host's TimerInfo.
func (d *timerDecoder) info(s *scanner) error {
	return s.object("an object, or a string that holds one", func(name []byte) (err error) {
		if string(name) != "IsPastDue" {
			return s.skip()
		}
		d.timer.PastDue, err = readFlag(s)
		return err
	})
}

// readFlag reads true; any other value is false.
func readFlag(s *scanner) (bool, error) {
	c, err := s.peek("a value")
	if err != nil {
		return false, err
	}
	if c != 't' {
		return false, s.skip()
	}
	return true, s.literal("true")
}

// objectOrSkip reads an object; any other value counts as an empty one.
func objectOrSkip(s *scanner, member func(name []byte) error) error {
	c, err := s.peek("an object")
	if err != nil {
		return err
	}
	if c != '{' {
		return s.skip()
	}
	return s.object("an object", member)
}

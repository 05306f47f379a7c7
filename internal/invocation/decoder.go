package invocation

// decoder walks an envelope. Each array becomes a column, and the columns
// become messages at the end, because Metadata may come before Data.
type decoder struct {
	outer, inner *scanner
	binding      string
	found        bool // Data has the binding
	bodies       column[[]byte]
	metadata     metadata
}

func newDecoder(outer *scanner, binding string) *decoder {
	return &decoder{
		outer:    outer,
		inner:    newScanner("", nil),
		binding:  binding,
		bodies:   column[[]byte]{read: new(bodies).read},
		metadata: newMetadata(),
	}
}

// envelope reads the whole body.
func (d *decoder) envelope() error {
	if err := d.outer.object("an object with the members Data and Metadata", d.member); err != nil {
		return err
	}
	if err := d.outer.finish(); err != nil {
		return err
	}
	if d.found {
		return nil
	}
	return d.misplaced(d.place()+", a string that holds an array of base64 strings "+declared, "no such member")
}

func (d *decoder) misplaced(expected, found string) error {
	return &MalformedError{Where: d.outer.where, Offset: d.outer.offset(), Expected: expected, Found: found}
}

// place names the batch in errors.
func (d *decoder) place() string {
	return "Data." + d.binding
}

// member reads a member of the envelope.
func (d *decoder) member(name []byte) error {
	switch string(name) {
	case "Data":
		return objectOrSkip(d.outer, d.data)
	case "Metadata":
		d.metadata.clear()
		return objectOrSkip(d.outer, d.details)
	}
	return d.outer.skip()
}

// data reads a member of Data.
func (d *decoder) data(name []byte) error {
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
		return d.bodies.fill(d.outer)
	}
	content, err := d.outer.string()
	if err != nil {
		return err
	}
	d.inner.reset(d.place(), content)
	if err := d.bodies.fill(d.inner); err != nil {
		return err
	}
	return d.inner.finish()
}

// details reads a member of Metadata.
func (d *decoder) details(name []byte) error {
	target := d.metadata.column(name)
	if target == nil {
		return d.outer.skip()
	}
	target.clear()
	c, err := d.outer.peek("a value")
	if err != nil {
		return err
	}
	switch c {
	case '"':
		return d.fillLeniently(target)
	case '[':
		return target.fill(d.outer)
	}
	return d.outer.skip()
}

// fillLeniently reads an array inside a string. It leaves target empty where
// the array is wrong, and fails only if the string itself does: an error of the
// envelope that stopped the inner scanner comes back when the rest is read.
func (d *decoder) fillLeniently(target filler) error {
	content, err := d.outer.string()
	if err != nil {
		return err
	}
	d.inner.reset("Metadata", content)
	if target.fill(d.inner) != nil || d.inner.finish() != nil {
		target.clear()
	}
	return content.discard()
}

// messages joins the columns.
func (d *decoder) messages() []Message {
	messages := make([]Message, len(d.bodies.values))
	for i, body := range d.bodies.values {
		messages[i] = d.metadata.message(i)
		messages[i].Body = body
	}
	return messages
}

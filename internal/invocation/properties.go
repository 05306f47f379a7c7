package invocation

import "strings"

// propertyName is the application property that names the assistant. Through
// Service Bus's REST interface it is an HTTP header, whose name may arrive in
// any letter case.
const propertyName = "assistant"

// unreadable stands for a property that is no string. No assistant has this
// name.
const unreadable = "?"

// properties reads the application properties of messages, and keeps the one
// that matters.
type properties struct {
	exact, folded string // by the property's exact name, by another spelling
	last          string
}

// read reads the properties of one message and returns the assistant's name.
func (p *properties) read(s *scanner) (string, error) {
	c, err := s.peek("a value")
	if err != nil {
		return "", err
	}
	if c != '{' {
		return "", s.skip()
	}
	p.exact, p.folded = "", ""
	err = s.object("an object", func(name []byte) error { return p.member(s, name) })
	if p.exact != "" {
		return p.exact, err
	}
	return p.folded, err
}

func (p *properties) member(s *scanner, name []byte) (err error) {
	switch {
	case string(name) == propertyName:
		p.exact, err = p.value(s)
	case strings.EqualFold(string(name), propertyName):
		p.folded, err = p.value(s)
	default:
		err = s.skip()
	}
	return err
}

// value reads the assistant's name.
func (p *properties) value(s *scanner) (string, error) {
	c, err := s.peek("a value")
	if err != nil {
		return "", err
	}
	if c == 'n' {
		return "", s.literal("null")
	}
	if c != '"' {
		return unreadable, s.skip()
	}
	content, _, err := s.short(maxText)
	if err != nil {
		return "", err
	}
	return p.shared(content), nil
}

// shared returns content as text. A batch names few assistants, mostly the same
// one in a row: they share their memory.
func (p *properties) shared(content []byte) string {
	if string(content) != p.last {
		p.last = validText(content)
	}
	return p.last
}

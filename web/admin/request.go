package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"

	"toolward/gateway"
)

// request is one request of an operator who may make it.
type request struct {
	*http.Request
	who   *who
	call  *gateway.Call // what a refusal is recorded as
	needs Role          // the least that the operation takes
	body  any           // what was sent, of the type that the operation names
}

// flag reads a parameter that is true or false.
func (r *request) flag(name string) (bool, error) {
	switch v := r.URL.Query().Get(name); v {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	}
	return false, malformed(name + " is true or false")
}

// read decodes the body into a new value of the operation's type. It is parsed
// strictly, so that what a proxy logged is what was decided; none is an empty one.
func (r *request) read(w http.ResponseWriter, into any) error {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return gateway.Refuse("surface", gateway.TooLarge, "a body is at most 64 KiB here")
	case err != nil:
		return gateway.Refuse("surface", gateway.Malformed, "the body did not arrive whole").Because(err)
	case into == nil && len(raw) > 0:
		return malformed("this operation takes no body")
	case into == nil:
		return nil
	case len(raw) == 0:
		raw = []byte("{}")
	}
	if r.body, err = decode(raw, into); err != nil {
		return malformed(err.Error())
	}
	return nil
}

// decode parses strictly into a new value of into's type: no name twice, none
// that is not known.
func decode(raw []byte, into any) (any, error) {
	if _, err := gateway.ParseObject(raw); err != nil {
		return nil, err
	}
	v := reflect.New(reflect.TypeOf(into).Elem()).Interface()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	return v, dec.Decode(v)
}

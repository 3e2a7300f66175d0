// gob-peer decodes values with Go's own encoding/gob and encodes them again, one stream in, one stream out:
// host/goplugin/tests/gob/go_peer.rs compares what comes back.
package main

import (
	"bufio"
	"encoding/gob"
	"errors"
	"io"
	"log"
	"net/url"
	"os"
	"time"
)

type ErrorString struct {
	Code int
	Err  string
}

func (e *ErrorString) Error() string { return e.Err }

type Inner struct {
	Name  string
	Count int
	More  []*Inner
}

// Everything has the fields of the Rust side's struct, and some that it must skip. They come before, between
// and after the others.
type Everything struct {
	Extra1   map[string]any
	Bool     bool
	Int      int
	Int64    int64
	Uint32   uint32
	Uint64   uint64
	Float    float64
	Extra2   any
	Text     string
	Bytes    []byte
	Strings  []string
	Labels   map[string]string
	Headers  map[string][]string
	Flags    map[string]bool
	Extra3   *Inner
	Any      any
	Props    map[string]any
	List     []any
	Err      error
	Pointer  *Inner
	Value    Inner
	Inners   []*Inner
	Array    [3]int
	FlagPtr  *bool
	TextPtr  *string
	BytesPtr *[]byte
	Time     time.Time
	URL      *url.URL
	Nested   *Everything
	Extra4   complex128
	Extra5   []time.Time
}

func main() {
	gob.Register(map[string]any{})
	gob.Register([]any{})
	gob.RegisterName("*plugin.ErrorString", &ErrorString{})
	in := gob.NewDecoder(bufio.NewReader(os.Stdin))
	out := gob.NewEncoder(os.Stdout)
	for {
		v := new(Everything)
		if err := in.Decode(v); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			log.Fatal("decode: ", err)
		}
		v.Extra1 = map[string]any{"a": "b", "inline": map[string]any{"c": []any{1, "d", nil, 2.5}}}
		v.Extra2 = []string{"x", "y"}
		v.Extra3 = &Inner{Name: "skip", More: []*Inner{{Count: -7}}}
		v.Extra4 = complex(1, -2)
		v.Extra5 = []time.Time{time.Unix(1, 2)}
		if err := out.Encode(v); err != nil {
			log.Fatal("encode: ", err)
		}
	}
}

// Command gallery draws every surrogate of the library and writes the table of its
// objectives: docs/gallery-*.svg and docs/objectives.md.
//
//	go run ./examples/gallery -docs docs
//
// Both range over grpotest.Catalogue, and are part of what `go generate` must
// reproduce to the byte.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
)

//go:generate go run . -docs ../../docs

func main() {
	log.SetFlags(0)
	docs := flag.String("docs", "docs", "folder that the files are written to")
	format := flag.String("format", "svg", "of the pictures: svg or png")
	flag.Parse()
	files, err := generate(*format)
	if err != nil {
		log.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(*docs, name), content, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// generate returns the contents of all files by name.
func generate(format string) (map[string][]byte, error) {
	files, err := pictures(format)
	if err != nil {
		return nil, err
	}
	files["objectives.md"], err = table()
	return files, err
}

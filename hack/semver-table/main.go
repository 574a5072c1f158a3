// Semver-table asks Masterminds/semver, the library by which Helm judges versions, about awkward versions and ranges,
// and prints its answers as JSON. licet's unit tests hold its own reading of versions to them.
//
// The table is committed. To make it anew, in this directory:
//
//	go run . > ../../tests/unit/core/semver_table.json
package main

import (
	"encoding/json"
	"log"
	"os"
	"runtime/debug"
	"strings"

	"github.com/Masterminds/semver/v3"
)

const library = "github.com/Masterminds/semver/v3"

// An answer is one character, so that a row of answers stays readable in a diff.
const (
	yes            = 'y'
	no             = 'n'
	invalidRange   = 'r'
	invalidVersion = 'v'
)

type table struct {
	Library  string   `json:"library"`
	Versions []string `json:"versions"`
	// Canonical holds the canonical text of each version, null for an invalid one.
	Canonical []*string `json:"canonical"`
	// Ranges holds an answer for each version: in the range (y) or not (n), or which of the two is invalid (r, v).
	Ranges []row `json:"ranges"`
	// Precedence compares the version of each row to each version: < = > or v.
	Precedence []string `json:"precedence"`
}

type row struct {
	Range   string `json:"range"`
	Answers string `json:"answers"`
}

func main() {
	log.SetFlags(0)
	t := table{Library: library + " " + libraryVersion(), Versions: versions}
	parsed := make([]*semver.Version, len(versions))
	for i, text := range versions {
		var canonical *string
		if v, err := semver.NewVersion(text); err == nil {
			s := v.String()
			parsed[i], canonical = v, &s
		}
		t.Canonical = append(t.Canonical, canonical)
	}
	for _, text := range ranges {
		t.Ranges = append(t.Ranges, row{text, check(text, parsed)})
	}
	for _, v := range parsed {
		t.Precedence = append(t.Precedence, compare(v, parsed))
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", " ")
	if err := out.Encode(t); err != nil {
		log.Fatal(err)
	}
}

func check(text string, versions []*semver.Version) string {
	constraint, err := semver.NewConstraint(text)
	if err != nil {
		return strings.Repeat(string(invalidRange), len(versions))
	}
	var answers strings.Builder
	for _, v := range versions {
		switch {
		case v == nil:
			answers.WriteRune(invalidVersion)
		case constraint.Check(v):
			answers.WriteRune(yes)
		default:
			answers.WriteRune(no)
		}
	}
	return answers.String()
}

func compare(v *semver.Version, versions []*semver.Version) string {
	var answers strings.Builder
	for _, other := range versions {
		if v == nil || other == nil {
			answers.WriteRune(invalidVersion)
		} else {
			answers.WriteByte("<=>"[v.Compare(other)+1])
		}
	}
	return answers.String()
}

// libraryVersion reads from the running program which release of the library it was built with.
func libraryVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		log.Fatal("semver-table: the program has no build information; build it in module mode")
	}
	for _, module := range info.Deps {
		if module.Path == library {
			return module.Version
		}
	}
	log.Fatalf("semver-table: the program was built without %s", library)
	return ""
}

package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolward/audit"
	"toolward/audit/verify"
)

func newAuditCase(g *globals) *cobra.Command {
	var (
		r             = record{g: g}
		far           progressFlag
		out           string
		check, public string
	)
	cmd := &cobra.Command{
		Use:   "case SESSION… -o FILE.zip",
		Short: "The file of an incident: all that is on record about sessions, to be handed on",
		Long: "Writes calls with arguments and results, their events, questions to people and answers, what was in force,\n" +
			"the text of the policies that decided, checkpoints, what verifying the record says, and what was erased.\n" +
			"Each file's SHA-256 is in a list that the gateway's key signs, if its key file can be read. --check tells\n" +
			"whether such a file is as it was made.",
		Example: "  toolward audit case s-4711 -o case.zip\n  toolward audit case --check case.zip --public-key \"$(cat kept/toolward.db.pub)\"",
		RunE: func(cmd *cobra.Command, sessions []string) error {
			if check != "" {
				return checkCase(cmd, check, public)
			}
			if len(sessions) == 0 || out == "" {
				return errors.New("say which sessions, and where to write: toolward audit case s-4711 -o case.zip")
			}
			path, err := r.path()
			if err != nil {
				return err
			}
			reader, err := r.open(cmd.Context())
			if err != nil {
				return err
			}
			defer reader.Close()
			c, err := reader.Case(cmd.Context(), sessions...)
			if err != nil {
				return err
			}
			// The record goes on meanwhile: what is verified holds what was read.
			v, err := verify.Record(cmd.Context(), verify.Options{Path: path, Progress: far.report(cmd.ErrOrStderr(), "verified")})
			if err != nil {
				return err
			}
			return writeCase(cmd, out, path, sessions, c, v)
		},
	}
	r.flag(cmd)
	far.flag(cmd)
	cmd.Flags().StringVarP(&out, "output", "o", "", "the file to write; it must not exist")
	cmd.Flags().StringVar(&check, "check", "", "a case to check, instead of making one")
	cmd.Flags().StringVar(&public, "public-key", "", "with --check: verifier key of the gateway, as you kept it; without, the one in the file is taken, which whoever made it chose")
	return cmd
}

// safeName is what may stand in the name of a file of a case: others made it.
var safeName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// caseFiles are the texts of a case by name. What agents and upstreams wrote goes
// through a [terminal], as anything that people see: JSON keeps its value.
func caseFiles(recordPath string, sessions []string, c audit.Case, v verify.Report) (files map[string][]byte, err error) {
	files = map[string][]byte{}
	add := func(name string, write func(w io.Writer) error) {
		var b bytes.Buffer
		err = errors.Join(err, write(&terminal{w: &b}))
		files[name] = b.Bytes()
	}
	add("calls.jsonl", func(w io.Writer) error { return printRows(listing{"jsonl"}, w, c.Calls, nil, nil) })
	add("events.jsonl", func(w io.Writer) error { return printRows(listing{"jsonl"}, w, c.Events, nil, nil) })
	add("verify.json", func(w io.Writer) error { return printJSON(w, v) })
	add("verify.txt", func(w io.Writer) error { printVerification(w, v); return nil })
	add("story.txt", func(w io.Writer) error {
		for _, call := range c.Calls {
			tell(w, call)
		}
		return nil
	})
	for revision, text := range c.Policies {
		if text == nil {
			continue
		}
		var kept []struct{ Name, Text string }
		if err := json.Unmarshal(text, &kept); err != nil {
			return nil, fmt.Errorf("policy %s: %w", revision, err)
		}
		for i, f := range kept {
			name := fmt.Sprintf("policies/%s/%d-%s", safeName.ReplaceAllString(revision, "_"), i+1, safeName.ReplaceAllString(path.Base(f.Name), "_"))
			add(name, func(w io.Writer) error { _, err := io.WriteString(w, f.Text); return err })
		}
	}
	public, readErr := os.ReadFile(recordPath + ".pub")
	if readErr == nil {
		files["toolward.db.pub"] = public
	} else if !errors.Is(readErr, fs.ErrNotExist) {
		err = errors.Join(err, readErr)
	}
	add("README.txt", func(w io.Writer) error { return caseReadme(w, sessions, c, v) })
	return files, err
}

func caseReadme(w io.Writer, sessions []string, c audit.Case, v verify.Report) error {
	by, err := whoRuns()
	if err != nil {
		return err
	}
	say := func(format string, args ...any) { fmt.Fprintln(w, printable(fmt.Sprintf(format, args...))) }
	say("What toolward's record has on the session %s.", strings.Join(sessions, ", "))
	say("Made %s by %s, from a record of %d events.", time.Now().UTC().Format(time.RFC3339), by, v.Events)
	say("")
	say("story.txt      what happened, in order")
	say("calls.jsonl    %d calls from %s to %s, with arguments and results", len(c.Calls), c.Calls[0].Time, c.Calls[len(c.Calls)-1].Time)
	say("events.jsonl   %d events with their hashes: of those calls, of questions to people about them, and what the gateway did meanwhile", len(c.Events))
	say("policies/      the text of each revision that decided")
	say("verify.txt     what `toolward audit verify` said of the whole record; verify.json: the same for programs")
	say("toolward.db.pub  the gateway's public key")
	say("SHA256SUMS     the digest of each file (sha256sum -c SHA256SUMS); SHA256SUMS.signed: the same, signed by the gateway's key")
	say("")
	say("Text that others wrote is in all of these. Characters that a terminal would obey are written as \\uXXXX.")
	say("An event proves something only together with the record that it is from: its hash has to be there, under its number.")
	if !c.Covered {
		say("No checkpoint covers the last of these calls yet.")
	}
	if len(v.Problems) > 0 {
		say("The record does NOT verify: see verify.txt.")
	}
	for _, seq := range c.Gone {
		say("Event %d: its text is not in the record any more. verify.txt says which event removed it, by whom and why.", seq)
	}
	for _, revision := range slices.Sorted(maps.Keys(c.Policies)) {
		if c.Policies[revision] == nil {
			say("Policy %s: its text is not in the record.", revision)
		}
	}
	return nil
}

// writeCase writes the files with their digests, signed if that can be.
func writeCase(cmd *cobra.Command, out, recordPath string, sessions []string, c audit.Case, v verify.Report) (err error) {
	files, err := caseFiles(recordPath, sessions, c, v)
	if err != nil {
		return err
	}
	digests, sums := map[string]string{}, ""
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sum := sha256.Sum256(files[name])
		digests[name] = hex.EncodeToString(sum[:])
		sums += digests[name] + "  " + name + "\n"
	}
	files["SHA256SUMS"] = []byte(sums)
	switch keys, err := audit.LoadKeys(recordPath + ".keys"); {
	case err == nil:
		signed, err := keys.SignCase(digests)
		if err != nil {
			return err
		}
		files["SHA256SUMS.signed"] = []byte(signed)
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist):
		fmt.Fprintln(cmd.ErrOrStderr(), "the list of digests is not signed: the gateway's key file cannot be read here")
	default:
		return err
	}
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	z := zip.NewWriter(f)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Now().UTC()})
		if err == nil {
			_, err = w.Write(files[name])
		}
		if err != nil {
			return errors.Join(err, f.Close(), os.Remove(out))
		}
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(out))
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d calls and %d events in %s\n", len(c.Calls), len(c.Events), out)
	return nil
}

// checkCase compares the files of a case with the signed list of their digests.
func checkCase(cmd *cobra.Command, file, public string) (err error) {
	z, err := zip.OpenReader(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	digests, texts := map[string]string{}, map[string]string{}
	for _, f := range z.File {
		if _, twice := digests[f.Name]; twice {
			return foundError{"it has two files " + printable(f.Name)}
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		sum := sha256.New()
		var text strings.Builder
		_, err = io.Copy(io.MultiWriter(sum, &limited{&text, 1 << 20}), r)
		if err := errors.Join(err, r.Close()); err != nil {
			return foundError{printable(f.Name + ": " + err.Error())}
		}
		digests[f.Name], texts[f.Name] = hex.EncodeToString(sum.Sum(nil)), text.String()
	}
	given := public != ""
	if !given {
		public = texts["toolward.db.pub"]
	}
	signed, err := audit.CheckCase(public, texts["SHA256SUMS.signed"])
	if err != nil {
		return foundError{printable(err.Error())}
	}
	delete(digests, "SHA256SUMS")
	delete(digests, "SHA256SUMS.signed")
	if !maps.Equal(digests, signed) {
		var wrong []string
		for _, name := range slices.Sorted(maps.Keys(maps.Clone(signed))) {
			if digests[name] != signed[name] {
				wrong = append(wrong, name+" is missing or another")
			}
		}
		for _, name := range slices.Sorted(maps.Keys(digests)) {
			if _, known := signed[name]; !known {
				wrong = append(wrong, name+" was added")
			}
		}
		return foundError{printable(strings.Join(wrong, "; "))}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d files are as they were signed\n", len(signed))
	if !given {
		fmt.Fprintln(cmd.OutOrStdout(), "by the key in the file itself: whoever made the file could have chosen it")
	}
	return nil
}

// limited takes the first bytes and drops the rest.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	take := p[:min(len(p), l.left)]
	l.left -= len(take)
	if _, err := l.w.Write(take); err != nil {
		return 0, err
	}
	return len(p), nil
}

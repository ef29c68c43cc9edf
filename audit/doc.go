// Package audit owns the SQLite file: the record of what agents asked, what was
// decided and what became of it. What people decide, and all else that state is
// made of, is in its events; see [Follower].
//
// # Guarantees
//
//   - [Store.Record] returns nil only when the event survives the death of the
//     process at any instant, and with [DurabilityPower] the loss of power.
//
//   - When the record cannot be written, Record says so and the road refuses
//     the call. The store recovers by itself when it can write again: it opens
//     the file anew, verifies its end, and goes on. With [Options.Standby] a file
//     on another disk takes the events meanwhile; they are durable there, and
//     chained when the database takes them over.
//
//   - Events are appended only. Each is chained to the one before by SHA-256,
//     and checkpoints signed with Ed25519 are written into the database and
//     to a file outside of it. Package audit/verify proves that nothing was
//     changed, removed or reordered, and says where if it was.
//
//   - Each event has a MAC of the gateway's key. One that somebody else wrote into
//     the database, or changed there, is not gone on from, nor handed over by
//     [Store.Fold].
//
//   - Credentials that guard found, and what policy redacts, are replaced by a
//     keyed hash before anything is written; see [Keys.Token]. Tokens of agents
//     never get here.
//
//   - Whatever agents and upstreams write, an event is one line: control
//     characters, line separators and bidirectional controls are escaped.
//
//   - One gateway writes. A second one on the same file is refused ([ErrInUse]).
//     Commands read it at the same time.
//
//   - An event is durable in the journal, and its database gets it soon: at once when it
//     is the only one, within a quarter of a second else. What reads the record by a
//     [Store], and whoever follows it, sees it at once. Who reads beside it calls
//     [Complete] before.
//
//   - What waits in the journal for a database that another program keeps locked is
//     bounded, by [Options.Queue], [Options.Late] and the journal's size. Past that the
//     record cannot be written.
//
// # What it does not do
//
// A chain alone cannot show that its end was cut off, nor that somebody who has
// the signing key rewrote everything since the last checkpoint that left the
// machine. Keep the file of checkpoints, or what the log says of them, where
// the gateway cannot change it. With [DurabilityProcess], a loss of power can
// take the last events; a checkpoint is always on disk before it leaves.
// What a killed gateway left in the journal is proven by chain and MAC alone, like any
// end of a record that no checkpoint covers: who can write there can cut it off.
//
// # The chain
//
// The hash of an event is the SHA-256 of the 32 bytes of the hash before it (32
// zero bytes before event 1) and of its columns seq, time_unix_ms, type, call,
// agent, server, tool, kind, effect, code, session, outcome, us, bytes, who, what, body and digest, in
// this order. A column is written as a netstring: the number of its bytes in decimal, a colon, its UTF-8
// bytes, a comma. Numbers are in decimal, a BLOB is its bytes. NULL is the single byte "-".
// So a number and its digits as a text have the same hash: the column call of a call.outcome
// never is a text of digits alone, and who verifies looks.
//
//	SHA-256( hash[n-1]  "1:7,13:1795508467157,12:call.attempt,36:01a2…,3:ann,…" )
//
// # The journal
//
// What calls and rooms record is written to the journal first, as frames of package
// journal, and moved into the database many at a time. The gateway's own events go to
// the database alone, after all that stands in the journal, so numbers there have gaps.
// The payload of a frame is the 32 bytes of the hash before the event, its columns as they
// are hashed, and then as netstrings, "-" for none: the MAC; of an outcome whose column
// call is a number, the call's ID; salt, text and what stands beside it, as in the table
// bodies; and for each row of interned that the event names, and that no frame before it in
// the segment brought, digest, salt and text.
//
//	32 bytes  "1:7,13:1795508467157,12:call.attempt,36:01a2…,3:ann,…16:<digest>," "16:<mac>," "-" "8:<salt>," "17:{"path":"/srv/a"}," "-" "16:<digest>,16:<salt>,41:{"method":…},"
//
// A start takes the frames that follow the database's last event, up to the first that
// does not follow or is not the gateway's own, and moves them; what stands behind that is
// none of the record's, and an audit.astray event says up to which number there was any. A journal is empty when nothing was recorded for a second or two,
// and gone when the record was closed.
//
// # What stands beside the events
//
// Arguments, results and other texts are in the table bodies, under the event's
// number. The event's digest is the first 16 bytes of the SHA-256 of the row's salt
// and text, and, where the row has something beside the text, a line feed and that:
//
//	SHA-256( 8 random bytes  {"path":"/srv/a"}  "\n"  {"beside":{"_meta":{}}} )
//
// What many events have in common is in the table interned, under the first 16
// bytes of the SHA-256 of its salt and text: in the column who, who asked, with
// roles and claims; in what, the tool, what the session had seen, and the rules
// that decided. So a text can go, and neither breaks the chain nor can be guessed
// at from what stays.
//
// # Texts that are gone
//
// The text of an event may be missing if an event of the gateway's own (its column
// call is NULL) says so:
//
//   - audit.erase: of events up to "through", and before itself, of one "agent",
//     "session" or "call", by these columns. What has a call.attempt's call in its
//     column call, or its number, is of the same. Rows of interned in the column who
//     of such an event may be missing too.
//   - audit.expire: of events before itself that have a call and whose time is
//     before "before_unix_ms".
//   - state.snapshot: of the event "replaces".
//
// # The MAC
//
// The mac of an event is the first 16 bytes of the HMAC-SHA-256 of its 32 bytes of
// hash, under the key that the line "mac" of the key file gives in hexadecimal.
// Every event has one. It tells whoever has the key that the gateway wrote this
// event after exactly those before it, also where no checkpoint covers it yet.
//
// # Checkpoints
//
// A checkpoint is a C2SP signed note (golang.org/x/mod/sumdb/note) with a text of
// four lines: the key's name, the number of the last event it covers, that
// event's hash in base64, and the time (RFC 3339, UTC).
//
//	toolward-audit-5e1f00d1
//	4711
//	4hCZVg0Eu6Jl4z2Qz1pJ2ySFWkXn0P3kP7fXoZt0PpQ=
//	2026-11-24T08:36:07Z
//
//	— toolward-audit-5e1f00d1 mK3xPY…
//
// In the database it is the member "note" of the body of an audit.checkpoint
// event, and covers exactly the events before that one. In the file outside,
// each is followed by an empty line. A file of 4 MiB moves to the name with ".1" at
// the end, and begins anew with the newest checkpoint and with the statements of
// changes of keys. There is one a minute while there are
// events, one an hour when there are none, one at every start and stop, and one
// before a prune.
//
// # Statements
//
// What changes a record other than by appending is stated under the same key, as
// a signed note with a text of three lines: of what kind it is, the key's name, and
// one line of JSON. The first line begins with "toolward audit ", which the name of
// a key cannot, so a statement is no checkpoint, and no checkpoint a statement.
//
//	toolward audit prune
//	toolward-audit-5e1f00d1
//	{"from":1,"through":4711,"removed":4711,"hash":"4hCZ…","before":"2026-08-26T00:00:00Z","time":"…","by":"…","why":"…"}
//
//	— toolward-audit-5e1f00d1 mK3xPY…
//
// It is the member "note" of the body of an event, whose other members repeat what
// it says, and stands in the file outside as well, before anything is removed.
//
// # Pruning
//
// An audit.prune event holds a statement "toolward audit prune". The events "from"
// to "through" go, and the chain of what stays begins with "hash", the hash of the
// last of them. Events with lower numbers that are still there are on their way
// out and count for nothing.
//
// # Segments
//
// An audit.segment event holds a statement "toolward audit segment": a person
// decided to go on behind a break. The rows in the ranges of "foreign" are not the
// record's own; they stay, and count for nothing. The events in the ranges of
// "missing" are gone. The event with the statement has the number "event", and is
// chained to "after", the last event of the record's own before it, by "hash",
// that one's hash. Any other event is chained to the row before it, own or not,
// as it is stored.
//
// # Change of keys
//
// An audit.keys event holds a statement "toolward audit keys", signed by two keys:
// those that its members "old" and "new" have in full. Up to the event, "event",
// the old key signs, and seals with its MAC; checkpoints and statements that stand
// at later ones are signed by the new key alone. The key file has the old key of
// MACs on a line "former", after the number of the last event it seals and before
// the public key.
//
// # Backups
//
// A copy that was made as a backup ends with an audit.backup event and a
// checkpoint. The event holds a statement "toolward audit backup": "of" is the
// last event of the record when it was copied, and "hash" its hash. What
// checkpoints outside say of later events is about the record, not about the copy.
//
// # Test vectors
//
// A file in testdata/vectors is a record of 14 events or some more, and what a
// verifier has to say of it, as txtar ("-- name --" begins a file): record.sql holds
// the rows, to be put into an empty database with the tables of schema/schema.sql;
// toolward.db.pub is the key that is trusted, toolward.db.checkpoints is what left
// the database, toolward.db.keys has the keys of MACs. In verdict.json, "holds" is
// the verdict with the keys, "without_keys" that without, "at" the first event that
// something is wrong with; "events", "hash" (of the last one) and "outside"
// (checkpoints there that were compared) are of a record that holds.
//
// # Files
//
// Beside toolward.db: .journal.0 and .journal.1 (what the database does not have yet;
// at most 16 MiB, as a rule), .keys (0600; the signing key and the keys of the MACs and
// of the hashes),
// .pub (the public key, to verify with), .checkpoints and .checkpoints.1, .lock (empty but for a
// process ID), and SQLite's own -wal and -shm, which belong to the database as the journal
// does: moving the .db alone loses events. Of a database that is opened by a link, journal and
// lock stand where it leads, as SQLite's files do. A standby is a file of [Event] values, one
// JSON object a line, each after a number and a MAC (standby.go).
package audit

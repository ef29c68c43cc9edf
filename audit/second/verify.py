#!/usr/bin/env python3
"""Verifies an audit record of toolward, from its written format alone.

It shares nothing with toolward but the format (`go doc toolward/audit`), and
needs nothing but Python 3.8 or newer. Ed25519 is written from RFC 8032.

    verify.py [--keys KEY_FILE] DATABASE PUBLIC_KEY_FILE [CHECKPOINTS_FILE...]

It prints a line for each thing that does not hold, then what was verified, and
exits with 1 if there was such a line. It follows the chain of hashes, prunes,
segments, changes of keys, checkpoints inside and outside, the texts that stand
beside events, and what says that one may be missing; with the key file, MACs.
Left to `toolward audit verify`: the schema, SQLite's own integrity check, and
what is derived from events.
"""
import base64, hashlib, hmac, json, os, sqlite3, struct, sys

# Ed25519, RFC 8032 section 5.1, in extended homogeneous coordinates.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)  # of -1


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(n, p):
    q = (0, 1, 1, 0)
    while n:
        if n & 1:
            q = add(q, p)
        p, n = add(p, p), n >> 1
    return q


def recover_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT % P
    if (x * x - x2) % P or x == 0 and sign:
        return None
    return P - x if x & 1 != sign else x


def point(b):
    y, sign = int.from_bytes(b, "little") & (1 << 255) - 1, b[31] >> 7
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed_by(public, message, signature):
    a, r, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    p, q = multiply(s, BASE), add(r, multiply(k, a))
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


# Signed notes (golang.org/x/mod/sumdb/note).
def parse_key(text):
    name, number, key = text.strip().split("+", 2)
    key = base64.b64decode(key)
    if key[0] != 1 or hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8] != number:
        raise ValueError("no Ed25519 key")
    return name, bytes.fromhex(number), key[1:]


def open_note(note, keys):
    """Returns the text and those of the keys that signed it."""
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    by = []
    for line in signatures.splitlines():
        dash, name, value = line.split(" ")
        value = base64.b64decode(value)
        for key in keys:
            if dash == "\u2014" and name == key[0] and value[:4] == key[1]:
                if not signed_by(key[2], text.encode(), value[4:]):
                    raise ValueError("a signature does not hold")
                by.append(key)
    if not by:
        raise ValueError("no signature of a known key")
    return text, by


problems = []


def problem(what):
    problems.append(what)
    print(what)


def field(value):
    if value is None:
        return b"-"
    data = value if isinstance(value, bytes) else str(value).encode()
    return b"%d:%s," % (len(data), data)


COLUMNS = "seq, time_unix_ms, type, call, agent, server, tool, kind, effect, code, session, outcome, us, bytes, who, what, body, digest"
SEQ, TYPE, CALL, BODY, DIGEST = 0, 2, 3, 16, 17


class Record:
    def __init__(self, path, public, outside, keys):
        self.macs = sorted(mac_keys(keys), key=lambda k: k[0])
        self.path = path
        self.db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        self.notes = list(dict.fromkeys(n for f in outside for n in split_notes(open(f, encoding="utf-8").read())))
        self.keys = [(0, parse_key(public))]  # from which event on each signs
        self.follow_keys(public.strip())
        known = [key for _, key in self.keys]
        self.claims, self.held = {}, 0
        for note in self.notes:
            if not note.startswith("toolward audit "):
                try:
                    seq, digest = self.checkpoint(note)
                    self.claims.setdefault(seq, []).append(digest)
                except ValueError as e:
                    problem("a checkpoint outside does not hold: %s" % e)
        if outside and not self.claims:
            problem("there is no checkpoint of this record in %s" % ", ".join(outside))
        stated = list(self.statements("segment", known))
        self.segments = [s for seq, s in stated if s["event"] == seq]
        for seq, s in stated:
            if s["event"] != seq and not self.foreign(seq):
                problem("event %d: its statement of a segment was signed for event %d" % (seq, s["event"]))

    def own(self, kind):
        return self.db.execute("SELECT seq, body FROM events WHERE type = ? AND call IS NULL ORDER BY seq", ("audit." + kind,))

    def follow_keys(self, trusted):
        old, new = {}, {}
        notes = [json.loads(body).get("note", "") for _, body in self.own("keys")] + self.notes
        for note in notes:
            if note.startswith("toolward audit keys\n"):
                s = json.loads(note.split("\n")[2])
                text, by = open_note(note, [parse_key(s["old"]), parse_key(s["new"])])
                if len(by) == 2:
                    old[s["old"]], new[s["new"]] = s, s
        while trusted in new:  # back to the first
            trusted = new[trusted]["old"]
        self.keys = [(0, parse_key(trusted))]
        while trusted in old:
            s = old[trusted]
            trusted = s["new"]
            self.keys.append((s["event"] + 1, parse_key(trusted)))

    def signer(self, seq):
        return [key for start, key in self.keys if start <= seq][-1]

    def checkpoint(self, note):
        text, by = open_note(note, [key for _, key in self.keys])
        lines = text.split("\n")
        if len(lines) != 5 or lines[0] != by[0][0]:
            raise ValueError("it is no checkpoint")
        seq = int(lines[1])
        if self.signer(seq + 1) not in by:
            raise ValueError("it is signed by another key than that of its time")
        return seq, base64.b64decode(lines[2])

    def statements(self, kind, known):
        for seq, body in self.own(kind):
            try:
                text, by = open_note(json.loads(body)["note"], known)
                first, _, detail, _ = text.split("\n")
                if first != "toolward audit " + kind or self.signer(seq) not in by:
                    raise ValueError("what it signs is no %s" % kind)
                yield seq, json.loads(detail)
            except (ValueError, KeyError) as e:
                if not self.foreign(seq):
                    problem("event %d: its statement of a %s does not hold: %s" % (seq, kind, e))

    def foreign(self, seq):
        return any(s["event"] > seq and low <= seq <= high
                   for s in getattr(self, "segments", []) for low, high in s.get("foreign") or [])

    def verify(self):
        last, before, events = 0, bytes(32), 0
        for _, prune in self.statements("prune", [key for _, key in self.keys]):
            last, before = prune["through"], base64.b64decode(prune["hash"])
        good = last, before  # the last event that is the record's own
        end = self.db.execute("SELECT max(seq) FROM events").fetchone()[0]
        backup = [seq for seq, b in self.statements("backup", [key for _, key in self.keys]) if b["of"] == seq - 1 and end <= seq + 1]
        self.pruned = last
        newest = max(self.claims, default=0)
        journal = segments(os.path.realpath(self.path))  # before the database, which gets some events alone, before those that follow are there
        rows = self.db.execute("SELECT %s, hash, mac FROM events WHERE seq > ? ORDER BY seq" % COLUMNS, (last,)).fetchall()
        stored_last = rows[-1][SEQ] if rows else last
        for *columns, stored, mac in rows + journaled(journal, stored_last):
            seq = columns[SEQ]
            if columns[TYPE] == "call.outcome" and isinstance(columns[CALL], str) and columns[CALL].isdecimal():
                problem("event %d: the number of its call's attempt was made a text" % seq)
            if seq != last + 1:
                if not any([last + 1, seq - 1] in (s.get("missing") or []) for s in self.segments):
                    problem("events %d to %d are missing" % (last + 1, seq - 1))
                for gone in range(last + 1, seq):
                    self.claims.pop(gone, None)
                last = seq - 1
            if self.foreign(seq):
                last, before = seq, stored
                self.claims.pop(seq, None)
                continue
            for s in self.segments:
                if s["event"] == seq:
                    before = base64.b64decode(s["hash"])
                    if (s["after"], before) != good:
                        problem("event %d begins a segment after another event %d" % (seq, s["after"]))
            if hashlib.sha256(before + b"".join(map(field, columns))).digest() != stored:
                problem("event %d is not the one that was recorded after %d" % (seq, last))
            key = next((key for through, key in self.macs if seq <= through), None)
            if key and not hmac.compare_digest(hmac.new(key, stored, "sha256").digest()[:16], mac):
                problem("event %d was not written by the gateway: its MAC is another key's" % seq)
            if columns[TYPE] == "audit.checkpoint" and columns[CALL] is None:
                try:
                    if self.checkpoint(json.loads(columns[BODY])["note"]) != (last, before):
                        raise ValueError("it is about another event")
                except (ValueError, KeyError) as e:
                    problem("event %d: its checkpoint does not hold: %s" % (seq, e))
            last, before, events = seq, stored, events + 1
            good = last, before
            if not (backup and seq >= backup[0]):
                for digest in self.claims.pop(seq, []):
                    self.held += 1
                    if digest != stored:
                        problem("event %d is not the one that a checkpoint outside was made of" % seq)
        if newest > stored_last and not backup:  # a checkpoint leaves when the database has what it covers
            problem("events %d to %d were cut from the end" % (stored_last + 1, newest))
        self.texts()
        self.missing()
        print("%d events, up to %d, the last one is %s; %d checkpoints outside hold"
              % (events, last, base64.b64encode(before).decode(), self.held))

    def texts(self):
        for seq, digest, salt, text, beside in self.db.execute(
                "SELECT b.seq, e.digest, b.salt, b.text, b.beside FROM bodies b LEFT JOIN events e ON e.seq = b.seq"):
            text = (text or "") + ("" if beside is None else "\n" + beside)
            if not self.foreign(seq) and hashlib.sha256(salt + text.encode()).digest()[:16] != digest:
                problem("event %d: its text is not the one that was recorded" % seq)
        for digest, salt, text in self.db.execute("SELECT digest, salt, text FROM interned"):
            if hashlib.sha256(salt + text.encode()).digest()[:16] != digest:
                problem("what is interned as %s is not what was recorded" % digest.hex())

    def missing(self):
        rules = [(seq, kind, json.loads(body), set()) for seq, kind, body in self.db.execute(
            "SELECT seq, type, body FROM events WHERE type IN ('audit.erase', 'audit.expire', 'state.snapshot') AND call IS NULL ORDER BY seq")
            if not self.foreign(seq)]
        interned = {digest for digest, in self.db.execute("SELECT digest FROM interned")}
        for seq, at, call, agent, session, who, what, has, there in self.db.execute(
                "SELECT e.seq, e.time_unix_ms, e.call, e.agent, e.session, e.who, e.what, e.digest IS NOT NULL, b.seq"
                " FROM events e LEFT JOIN bodies b ON b.seq = e.seq WHERE e.seq > ? ORDER BY e.seq", (self.pruned,)):
            may = False
            for event, kind, said, calls in rules:
                if kind == "state.snapshot":
                    may |= seq == said.get("replaces")
                elif kind == "audit.expire":
                    may |= seq < event and call is not None and at < said["before_unix_ms"]
                else:
                    theirs = any(said.get(name) and said[name] == value
                                 for name, value in (("agent", agent), ("session", session), ("call", call)))
                    if theirs and call is not None:
                        calls.update((call, seq))
                    may |= seq <= min(said["through"], event - 1) and (theirs or call in calls)
            if self.foreign(seq):
                continue
            if has and there is None and not may:
                problem("event %d: its text is missing, and nothing says that it may be" % seq)
            if who is not None and who not in interned and not may or what is not None and what not in interned:
                problem("event %d: what it has in common with others is missing, and nothing says that it may be" % seq)


# The journal: events that the database does not have yet (`go doc toolward/audit/journal`).
def frames(path):
    """The frames of a segment that were written whole."""
    there = os.path.isfile(path) and not os.path.islink(path)
    data = open(path, "rb").read() if there else b""
    mark, last = b"toolward journal 1\n", 0
    if os.path.lexists(path) and not there or not data.startswith(mark) and not mark.startswith(data[:len(mark)].rstrip(b"\0")):
        problem("%s is no journal" % path)
    at = len(mark) if data.startswith(mark) else len(data)
    while at + 16 <= len(data):
        length, total, seq = struct.unpack_from("<IIQ", data, at)
        payload = data[at + 16:at + 16 + length]
        if length == 0 or len(payload) < length:
            return
        total_is = crc32c(data[at + 8:at + 16 + length])
        at += 16 + length
        if total_is != total:
            continue
        if seq <= last:
            return
        yield seq, payload
        last = seq


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def netstrings(data):
    while data:
        if data[:1] == b"-":
            value, data = None, data[1:]
        else:
            length, _, rest = data.partition(b":")
            value, data = rest[:int(length)], rest[int(length) + 1:]
        yield value, len(data)


def segments(path):
    return sorted(f for name in (".journal.0", ".journal.1") for f in frames(path + name))


def journaled(journal, last):
    """Events of the journal that come after the last of the database, as its rows."""
    found, interned = [], set()
    for seq, payload in journal:
        parts = [value or b"" for value, _ in netstrings(payload[32:])][23:]
        interned |= {d for d, salt, text in zip(*[iter(parts)] * 3) if hashlib.sha256(salt + text).digest()[:16] == d}
        if seq <= last:
            continue
        if seq != last + 1:
            problem("event %d is in the journal, and event %d is nowhere" % (seq, last + 1))
            break
        values = list(netstrings(payload[32:]))
        columns = [None if value is None else value.decode() if i not in (14, 15, 17) else value
                   for i, (value, _) in enumerate(values[:18])]
        columns[SEQ] = int(columns[SEQ])
        if values[19][0] is not None:
            columns[CALL] = int(columns[CALL])
        mac, salt, text, beside = (values[i][0] or b"" for i in (18, 20, 21, 22))
        text += b"\n" + beside if beside else b""
        if columns[DIGEST] is not None and hashlib.sha256(salt + text).digest()[:16] != columns[DIGEST]:
            problem("event %d: its text is not the one that was recorded" % seq)
        if not {columns[14], columns[15]} - {None} <= interned:
            problem("event %d: what it has in common with others is not in the journal as it was recorded" % seq)
        found.append((*columns, hashlib.sha256(payload[:len(payload) - values[17][1]]).digest(), mac))
        last = seq
    return found


def mac_keys(path):
    """Reads the keys of MACs from a key file, each with the last event that it seals."""
    for line in open(path, encoding="utf-8") if path else []:
        word = line.split()
        if word[:1] == ["mac"]:
            yield float("inf"), bytes.fromhex(word[1])
        elif word[:1] == ["former"]:
            yield int(word[1]), bytes.fromhex(word[2])


def split_notes(text):
    """A note is a text, an empty line, signatures; an empty line follows each."""
    parts, notes = text.split("\n\n"), []
    for body, signatures in zip(parts, parts[1:]):
        if signatures.startswith("\u2014 ") and not body.startswith("\u2014 "):
            notes.append(body.lstrip("\n") + "\n\n" + signatures.rstrip("\n") + "\n")
    return notes


if __name__ == "__main__":
    args, key_file = sys.argv[1:], None
    if args[:1] == ["--keys"]:
        key_file, args = args[1], args[2:]
    if len(args) < 2:
        sys.exit(__doc__)
    Record(args[0], open(args[1], encoding="utf-8").read(), args[2:], key_file).verify()
    sys.exit(1 if problems else 0)

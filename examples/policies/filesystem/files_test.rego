package files_test

import data.toolward
import data.toolward.lib.test

call(tool, role, args) := test.call({"server": "files", "name": tool}, role, args)

effect(tool, role, args) := d.effect if d := toolward.decision with input as call(tool, role, args)

test_reader_reads if {
	effect("read_text_file", "reader", {"path": "/srv/docs/a.txt"}) == "allow"
	effect("list_directory", "reader", {"path": "/srv/docs"}) == "allow"
	effect("read_multiple_files", "reader", {"paths": ["/srv/docs/a", "/srv/docs/b"]}) == "allow"
	effect("list_allowed_directories", "reader", {}) == "allow"
}

test_reader_reads_nothing_else if {
	every p in ["/srv/docs2/a", "/srv/docs/../records/a", "/etc/passwd", "/srv/docs/%2e%2e/x", "/srv/docs/\u0000", "/srv/docs/.env", "/srv/docs/tls.key", "~/a", "docs/a"] {
		effect("read_text_file", "reader", {"path": p}) == "deny"
	}
	effect("read_multiple_files", "reader", {"paths": ["/srv/docs/a", "/srv/records/b"]}) == "deny"
	effect("read_multiple_files", "reader", {"paths": []}) == "deny"
}

test_other_roles_read_nothing if {
	effect("read_text_file", "guest", {"path": "/srv/docs/a.txt"}) == "deny"
}

test_editor_writes_drafts_only if {
	every tool in ["write_file", "edit_file", "create_directory"] {
		effect(tool, "editor", {"path": "/srv/docs/drafts/a.txt"}) == "allow"
		effect(tool, "editor", {"path": "/srv/docs/a.txt"}) == "deny"
		effect(tool, "reader", {"path": "/srv/docs/drafts/a.txt"}) == "deny"
	}
}

test_moving_asks if {
	effect("move_file", "editor", {"source": "/srv/docs/drafts/a", "destination": "/srv/docs/drafts/b"}) == "approve"
	effect("move_file", "editor", {"source": "/srv/docs/drafts/a", "destination": "/srv/docs/b"}) == "deny"
	effect("move_file", "editor", {"source": "/srv/records/a", "destination": "/srv/docs/drafts/b"}) == "deny"
}

test_new_tools_are_refused if effect("delete_file", "editor", {"path": "/srv/docs/drafts/a"}) == "deny"

test_records_are_private if {
	d := toolward.decision with input as call("read_file", "auditor", {"path": "/srv/records/a.csv"})
	d.effect == "allow"
	d.label == {"private"}
}

test_a_key_in_a_file_is_withheld if {
	in_file := object.union(call("read_file", "reader", {"path": "/srv/docs/a.txt"}), {
		"stage": "result",
		"result": {},
		"guard": {"score": 0, "findings": [{"kind": "secret", "rule": "secret.private-key"}]},
	})
	d := toolward.decision with input as in_file
	d.reasons == {"the file holds a private key"}
}

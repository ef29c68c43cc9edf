package github_test

import data.toolward
import data.toolward.lib.test

call(tool, roles, args) := test.call({"server": "github", "name": tool}, roles, args)

decision(tool, role, args) := d if d := toolward.decision with input as call(tool, [role], args)

file(path, branch) := {"owner": "acme", "repo": "app", "path": path, "branch": branch, "content": "x"}

test_developers_read if {
	decision("get_file_contents", "developer", {"owner": "Acme", "repo": "app", "path": "README.md"}).label == {"private"}
	decision("issue_read", "developer", {"owner": "acme", "repo": "app"}).label == {"private", "untrusted"}
	decision("get_file_contents", "developer", {"owner": "stranger", "repo": "x"}).label == {"untrusted"}
	decision("search_code", "developer", {"query": "x"}).effect == "allow"
}

test_others_do_not if decision("get_file_contents", "guest", {"owner": "acme", "repo": "app"}).effect == "deny"

test_files_go_to_open_branches if {
	decision("create_or_update_file", "developer", file("src/a.go", "fix-1")).effect == "allow"
	decision("create_or_update_file", "developer", file("src/a.go", "main")).effect == "deny"
	decision("create_or_update_file", "developer", file(".github/workflows/ci.yml", "fix-1")).effect == "deny"
	decision("create_or_update_file", "developer", file("./.github/workflows/ci.yml", "fix-1")).effect == "deny"
	decision("create_or_update_file", "developer", file("a/../.github/x.yml", "fix-1")).effect == "deny"
	decision("create_or_update_file", "developer", object.remove(file("a", ""), {"branch"})).effect == "deny"
}

test_nothing_leaves_the_organisations if {
	every tool in ["issue_write", "create_pull_request", "create_or_update_file", "merge_pull_request"] {
		decision(tool, "developer", {"owner": "stranger", "repo": "x", "path": "a", "branch": "b"}).effect == "deny"
	}
}

test_people_decide if {
	decision("issue_write", "developer", {"owner": "acme", "repo": "app", "title": "x"}).effect == "allow"
	decision("issue_write", "developer", {"owner": "acme", "repo": "app", "state": "closed"}).effect == "approve"
	decision("create_pull_request", "developer", {"owner": "acme", "repo": "app"}).effect == "allow"
	decision("merge_pull_request", "maintainer", {"owner": "acme", "repo": "app"}).effect == "approve"
	decision("merge_pull_request", "developer", {"owner": "acme", "repo": "app"}).effect == "deny"
}

# What the second call of a session is asked, after list_issues in the own organisation.
later(tool, args) := d if {
	asked := json.patch(call(tool, ["developer"], args), [
		{"op": "replace", "path": "/session/labels", "value": ["private", "private:github", "untrusted"]},
		{"op": "replace", "path": "/tool/labels", "value": ["external"]},
	])
	d := toolward.decision with input as asked
}

test_a_session_goes_on_after_it_read_issues if {
	decision("list_issues", "developer", {"owner": "acme", "repo": "app"}).label == {"private", "untrusted"}
	every tool in ["list_issues", "get_file_contents", "search_code", "issue_read"] {
		later(tool, {"owner": "acme", "repo": "app"}).effect == "allow"
	}
}

test_a_person_looks_at_what_it_then_writes if {
	every tool in ["create_pull_request", "issue_write"] {
		later(tool, {"owner": "acme", "repo": "app", "title": "x"}).effect == "approve"
	}
	later("create_or_update_file", file("src/a.go", "fix-1")).effect == "approve"
	later("issue_write", {"owner": "stranger", "repo": "x", "title": "x"}).effect == "deny"
}

test_unknown_tools_are_refused if decision("delete_repository", "maintainer", {"owner": "acme", "repo": "app"}).effect == "deny"

test_credentials_stay if {
	found := json.patch(call("issue_write", ["developer"], {"owner": "acme", "repo": "app"}), [{
		"op": "replace", "path": "/guard/findings", "value": [{"kind": "secret", "rule": "secret.github-pat"}],
	}])
	d := toolward.decision with input as found
	d.effect == "deny"
}

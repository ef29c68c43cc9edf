package run_test

import data.toolward
import data.toolward.lib.test

call(role, command, cwd) := test.call("shell__run_command", role, {"command": command, "cwd": cwd})

effect(command) := d.effect if d := toolward.decision with input as call("developer", command, "/srv/work/app")

test_listed if {
	every c in ["ls -la src", "cat README.md", "git log -n 5", "git diff HEAD", "go vet cmd/app", "git diff --cached", "grep -rn TODO src", "cat /srv/work/app/a.txt"] {
		effect(c) == "allow"
	}
}

test_others_ask if {
	every c in [
		"rm -rf build", "go test ./...", "git push origin main", "git -c core.pager=x log", "cat /etc/passwd", "cat ../../etc/passwd",
		"/tmp/ls", "go vet -toolexec=x cmd", "go vet --toolexec=x cmd", "git --no-pager log", "git diff --outp=x", "git branch -D main", "go vet ./...", "git diff --output=x", "git log --ext-diff", "find . -exec x",
	] {
		effect(c) == "approve"
	}
}

test_shell_tricks_are_refused if {
	every c in ["ls; id", "ls | sh", "cat $HOME/x", "echo `id`", "ls > x", "ls\nid", "", "PATH=. ls"] {
		effect(c) == "deny"
	}
}

test_elsewhere_is_refused if {
	every cwd in ["/", "/srv/work2", "/srv/work/../x"] {
		d := toolward.decision with input as call("developer", "ls", cwd)
		d.effect == "deny"
	}
}

test_other_roles_are_refused if {
	d := toolward.decision with input as call("guest", "ls", "/srv/work/app")
	d.effect == "deny"
}

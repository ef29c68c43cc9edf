package toolward.lib.shell_test

import data.toolward.lib.shell

test_plain if {
	every c in ["ls", "ls -la /srv", "git log --oneline -5", "go test ./...", "cat a.txt"] {
		shell.plain(c)
	}
}

test_what_a_shell_would_do_more_with if {
	every c in [
		"ls; rm -rf /", "ls && id", "ls | sh", "ls & id", "cat $HOME/.ssh/id", "cat `id`", "cat $(id)", "ls > x", "ls < x", "ls *", "ls ?", "ls [a]",
		"echo {a,b}", "(id)", "ls\nid", "ls\rid", "ls \\x", "echo 'a'", "echo \"a\"", "!!", "~/x", "ls ~", "ls #x", "ls\t-l", "", " ls", "PATH=/tmp ls",
		"LD_PRELOAD=x.so ls", "ls \u00a0", "l\u0000s", "-rf", "ls ^a",
	] {
		not shell.plain(c)
	}
	not shell.plain(["ls"])
	not shell.plain(null)
}

test_words if {
	shell.words("ls  -la /srv") == ["ls", "-la", "/srv"]
	shell.program("/tmp/ls -l") == "/tmp/ls"
	shell.runs("ls -l", {"ls", "cat"})
	not shell.runs("/tmp/ls -l", {"ls"})
	not shell.runs("ls; id", {"ls"})
	shell.options("git log --output=x -n 5") == {"--output", "-n"}
	shell.operands("git log --output=x HEAD") == ["log", "HEAD"]
}

package toolward.lib.path_test

import data.toolward.lib.path

test_under if {
	every p in ["/srv/docs", "/srv/docs/", "/srv/docs/a", "/srv//docs/./a", "/srv/docs/a b/ü.txt", "/srv/docs/a..b", "/srv/docs/...x", "/srv/docs/.git"] {
		path.under(p, "/srv/docs")
		path.under(p, "/srv/docs/")
		path.under(p, "/")
	}
}

# The ways out of a directory that are known to have worked somewhere.
test_not_under if {
	every p in [
		"/srv/docs2", "/srv/doc", "/srv", "/", "", "srv/docs/a", "docs", "/srv/docs/../etc/passwd", "/srv/docs/..", "../srv/docs",
		"/srv/docs/a/../../x", "/srv/docs/.../x", "/srv/docs/%2e%2e/x", "/srv/docs/%252e/x", "/srv/docs\\..\\x", "\\\\host\\share",
		"C:\\srv\\docs", "C:/srv/docs", "~/srv/docs", "~root/x", "/srv/docs/\u0000/x", "/srv/docs/a\n", "/srv/docs/\u2024\u2024/x",
		"/srv/docs/\uff0e\uff0e\uff0fx", "/srv/docs\u2215x", "/srv/docs/\u202e/x", "/srv/docs/\u200b../x", "/srv/docs/.. /x",
		"/srv/docs/. ./x", "/SRV/docs/a", "file:///srv/docs/a", "/srv/docs/\u007f",
	] {
		not path.under(p, "/srv/docs")
	}
}

test_other_types_are_not_under if {
	every p in [null, 1, true, ["/srv/docs"], {"path": "/srv/docs"}] {
		not path.under(p, "/srv/docs")
	}
}

test_clean if {
	path.clean("/") == "/"
	path.clean("//") == "/"
	path.clean("/./") == "/"
	path.clean("/a//b/./c/") == "/a/b/c"
	path.clean("/a/b") == "/a/b"
	path.clean("/.a") == "/.a"
	not path.clean("a/b")
	not path.clean("/a/../b")
}

test_lists if {
	path.under_any("/a/x", {"/a", "/b"})
	not path.under_any("/c/x", {"/a", "/b"})
	path.all_under(["/a/x", "/a/y"], "/a")
	not path.all_under(["/a/x", "/b/y"], "/a")
	not path.all_under([], "/a")
}

test_relative if {
	every p in ["a", "a/b.txt", "./a", "src/main.go"] {
		path.relative(p)
	}
	every p in ["", "/a", "../a", "a/../b", "~/a", "a\\b", "C:a"] {
		not path.relative(p)
	}
}

test_extension if {
	path.extension("/a/b.TXT") == "txt"
	path.extension("b.tar.gz") == "gz"
	not path.extension("/a.d/b")
}

test_hidden if {
	every p in ["/a/.git/config", ".ssh", "/a/..", "/.env"] {
		path.hidden(p)
	}
	every p in ["/a/b.txt", "./a", "/a/./b", "a.b"] {
		not path.hidden(p)
	}
}

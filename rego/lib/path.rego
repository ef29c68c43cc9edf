# METADATA
# title: File paths
# description: |
#   Compares paths only after they are known to mean what they say. A path is
#   plain if no reader can take it for another place: segments of "..", escapes,
#   backslashes, drive letters, home directories, control characters and
#   look-alikes of "." and "/" are refused, not resolved. Resolving ".." on text
#   would be wrong wherever a directory is a symbolic link. Symbolic links
#   themselves cannot be seen from here: the upstream must not follow them out
#   of its root.
package toolward.lib.path

# METADATA
# title: Under
# description: True if path is root or inside it. "/srv/docs2" is not under "/srv/docs".
under(path, root) if startswith(concat("", [clean(path), "/"]), closed(root))

# The slash at the end is what keeps /srv/docs2 out of /srv/docs.
closed(root) := "/" if {
	root == "/"
} else := concat("", [clean(root), "/"])

# METADATA
# title: Under any
# description: True if path is one of the roots or inside one.
under_any(path, roots) if {
	some root in roots
	under(path, root)
}

# METADATA
# title: All under
# description: True if paths is a list or set that is not empty and every path is under root.
all_under(paths, root) if {
	count(paths) > 0
	every path in paths {
		under(path, root)
	}
}

# METADATA
# title: Clean
# description: The absolute path without doubled slashes, "." segments and a slash at the end. Undefined if it is not plain and absolute.
clean(path) := path if {
	is_string(path)
	regex.match(tidy, path)
} else := concat("/", array.concat([""], segments)) if {
	plain(path)
	startswith(path, "/")
	segments := [s | some s in split(path, "/"); not s in {"", "."}]
	count(segments) > 0
} else := "/" if {
	plain(path)
	regex.match(`^/[/.]*$`, path)
}

# Nearly every path is clean already: segments of ordinary characters that do
# not start with a dot or end with a blank.
tidy := `^(/[A-Za-z0-9_@+=,-]([A-Za-z0-9._@+=, -]*[A-Za-z0-9._@+=,-])?)+$`

# METADATA
# title: Relative
# description: True if path is plain, relative and not empty, as in a repository.
relative(path) if {
	plain(path)
	path != ""
	not startswith(path, "/")
}

# METADATA
# title: Extension
# description: What follows the last dot of the last segment, in lower case. Undefined without one.
extension(path) := lower(ext) if {
	plain(path)
	name := regex.find_n(`[^/]+$`, path, 1)[0]
	parts := split(name, ".")
	count(parts) > 1
	ext := parts[count(parts) - 1]
}

# METADATA
# title: Hidden
# description: True if any segment but "." starts with a dot, as .git, .ssh and ".." do.
hidden(path) if regex.match(`(^|/)\.[^/]`, path)

# METADATA
# title: Plain
# description: True if path is a string that can mean one place only.
plain(path) if {
	is_string(path)
	not regex.match(ambiguous, path)
}

# Control characters and DEL; backslash (Windows, UNC); per cent (%2e, %2f);
# format characters and line separators (bidi, zero width); what NFKC or a
# careless reader folds to a dot or a slash; a tilde in front (home); a drive
# letter; a segment of two or more dots, or of dots and blanks, which Windows
# cuts.
ambiguous := `[\x00-\x1f\x7f\\%\p{Cc}\p{Cf}\p{Zl}\p{Zp}\x{2024}\x{2025}\x{2026}\x{FE52}\x{FF0E}\x{FF61}\x{3002}\x{2044}\x{2215}\x{29F8}\x{FF0F}\x{FF3C}\x{FE68}\x{2216}\x{29F5}\x{1735}]|^~|^[A-Za-z]:|(^|/)\.[. ]+(/|$)`

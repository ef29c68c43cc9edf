# METADATA
# title: SQL
# description: |
#   Decides whether a statement only reads. It is deliberately narrow: what it
#   does not understand it does not call reading. It knows no dialect, so it
#   refuses whatever dialects read differently: comments, backslashes, dollar
#   quotes, several statements. Give the upstream a read-only database user all
#   the same: a view or a function can hide a write from any text check.
package toolward.lib.sql

# METADATA
# title: Read only
# description: True if query is one SELECT, WITH, VALUES, EXPLAIN or SHOW that names nothing which writes, waits, or reaches files or the network.
read_only(query) if {
	text := bare(query)
	regex.match(`(?i)^\s*(select|with|values|explain|show|describe|desc)\b`, text)
	not regex.match(writing, text)
	not regex.match(reaching, text)
}

# METADATA
# title: Tables
# description: Names that follow FROM or JOIN, in lower case, with commas in FROM lists followed. Undefined unless the query is read only and quotes no identifier.
tables(query) := {lower(name) | some match in matches; name := match[1]} | listed if {
	read_only(query)
	not regex.match("[\"`\\[]", query)
	matches := regex.find_all_string_submatch_n(`(?i)\b(?:from|join)\s+([a-z_][a-z0-9_.]*)`, bare(query), -1)
	lists := regex.find_all_string_submatch_n(`(?i)\bfrom\s+([a-z_][a-z0-9_.]*(?:\s+(?:as\s+)?[a-z_][a-z0-9_]*)?(?:\s*,\s*[a-z_][a-z0-9_.]*(?:\s+(?:as\s+)?[a-z_][a-z0-9_]*)?)+)`, bare(query), -1)
	listed := {lower(word) |
		some list in lists
		some item in split(list[1], ",")
		word := regex.find_n(`[A-Za-z_][A-Za-z0-9_.]*`, item, 1)[0]
	}
}

# METADATA
# title: Limited
# description: True if the query ends with LIMIT n (and OFFSET m) and n is at most most.
limited(query, most) if {
	read_only(query)
	found := regex.find_all_string_submatch_n(`(?i)\blimit\s+([0-9]{1,9})(?:\s+offset\s+[0-9]{1,9})?\s*;?\s*$`, bare(query), 1)
	to_number(found[0][1]) <= most
}

# METADATA
# title: Bare
# description: The query with the text of its literals taken out. Undefined if quotes do not close or if dialects read it differently.
bare(query) := text if {
	is_string(query)
	not regex.match(`--|/\*|#|\\|\$[A-Za-z_]*\$|\x00`, query)

	# A double quote or a backtick inside a literal is one that MySQL, where
	# "'" is a string, reads the other way round.
	not regex.match("'[^'\"`]*[\"`][^']*'", query)
	text := regex.replace(query, `'[^']*'`, "''")
	not regex.match(`'`, regex.replace(text, `''`, ""))
	not regex.match(`;\s*\S`, text)
	count(indexof_n(text, "\"")) % 2 == 0
	count(indexof_n(text, "`")) % 2 == 0
}

writing := `(?i)\b(insert|update|delete|merge|upsert|replace\s+into|drop|alter|create|truncate|rename|grant|revoke|call|exec|execute|do|set|reset|lock|unlock|copy|load|import|into|attach|detach|pragma|vacuum|reindex|analyze|refresh|begin|commit|rollback|savepoint|prepare|deallocate|declare|listen|notify|unlisten|cluster|handler|install|kill|shutdown|use)\b`

reaching := concat("|", [
	`(?i)\b(pg_[a-z_]+|lo_[a-z]+|dblink[a-z_]*|xp_[a-z]+|sp_[a-z]+|utl_[a-z]+|dbms_[a-z]+|openrowset|opendatasource|openquery|waitfor|outfile|dumpfile|current_setting|set_config)\b`,
	"(?i)\\b(load_file|load_extension|readfile|writefile|edit|fts3_tokenizer|sleep|benchmark|nextval|setval|[a-z]+_to_xml|sys_[a-z]+|read_[a-z_]+|glob|url|file|s3|http[a-z_]*)[\"`\\]]?\\s*\\(",
	`(?i)\bfor\s+(no\s+key\s+)?(update|share|key)\b`,
])

# METADATA
# title: query
# description: |
#   Analysts read named tables, with a limit. The helper knows no dialect and
#   refuses what it does not understand; the database user must be read-only
#   all the same, because a view or a function hides a write from any text.
package tools.db.query

import data.toolward.lib.sql

allow if {
	"analyst" in input.agent.roles
	sql.limited(input.args.sql, data.database.rows)
	count(unlisted) == 0
}

unlisted := sql.tables(input.args.sql) - {t | some t in data.database.tables}

deny contains "only a single statement that reads is possible, without comments or quoted identifiers" if not sql.tables(input.args.sql)

deny contains sprintf("end the query with LIMIT %d or less", [data.database.rows]) if {
	sql.read_only(input.args.sql)
	not sql.limited(input.args.sql, data.database.rows)
}

deny contains sprintf("table %s is not for agents", [table]) if some table in unlisted

# Contact data goes to support only.
redact contains "result.structuredContent.rows[*].email" if not "support" in input.agent.roles

redact contains "result.structuredContent.rows[*].phone" if not "support" in input.agent.roles

label contains "private"

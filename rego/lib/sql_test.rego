package toolward.lib.sql_test

import data.toolward.lib.sql

test_reads if {
	every q in [
		"select 1", "SELECT * FROM users WHERE name = 'O''Brien'", "  select a from t;", "select a from t ;\n",
		"with x as (select 1) select * from x", "select count(*) from orders where note = 'please delete'", "values (1), (2)",
		"explain select 1", "select \"weird name\" from t", "select `a` from t", "select replace(a, 'x', 'y') from t", "select created_at, updated_by from t",
		"select url, file from pages", "select a from t where b = $1", "show tables", "select ';' from t",
	] {
		sql.read_only(q)
	}
}

test_writes_and_ways_around if {
	every q in [
		"insert into t values (1)", "update t set a = 1", "delete from t", "drop table t", "select 1; drop table t", "select 1;select 2",
		"with x as (delete from t returning *) select * from x", "with x as (select 1) insert into t select * from x",
		"select * into t2 from t", "select * from t into outfile '/tmp/x'", "select 1 -- comment", "select 1 /* hint */", "select 1 # comment",
		"select pg_read_file('/etc/passwd')", "select pg_sleep(10)", "select lo_import('/etc/passwd')", "select load_extension('x')",
		"select \"pg_read_file\"('/etc/passwd')", "select load_file ('/etc/passwd')", "select * from dblink('x')", "select sleep(10)",
		"select readfile('/etc/passwd')", "select nextval('s')", "select set_config('a', 'b', false)", "select * from t for update",
		"select * from t for no key update", "pragma writable_schema = 1", "attach 'x' as y", "copy t to program 'sh'", "do $$ begin end $$",
		"select $tag$ ' $tag$", "select 'it\\'s'", "call p()", "vacuum", "set role admin", "", "   ", "drop", "selectx", "select 'open",
		"select \"open", "with x as (select 1) replace into t select * from x", "select query_to_xml('drop table t', true, true, '')",
		"begin; select 1", "lock table t", "explain analyze delete from t", "select 1\u0000; drop table t", "select * from read_csv('/etc/passwd')",
		"select \"'\" into outfile \"'/tmp/x'\"", "select \"'\", a from t where b = \"'; drop table t\"", "(select 1)",
	] {
		not sql.read_only(q)
	}
}

test_other_types if {
	every q in [null, 1, ["select 1"], {"sql": "select 1"}] {
		not sql.read_only(q)
	}
}

test_tables if {
	sql.tables("select * from a join b.c on true") == {"a", "b.c"}
	sql.tables("select * from a, b x, C as d where 'from e' = ''") == {"a", "b", "c"}
	sql.tables("select 1") == set()
	sql.tables("select * from a where id in (select id from b)") == {"a", "b"}
	not sql.tables("select * from \"a\"")
	not sql.tables("delete from a")
}

test_limited if {
	sql.limited("select * from t limit 10", 100)
	sql.limited("select * from t limit 100 offset 5;", 100)
	not sql.limited("select * from t limit 101", 100)
	not sql.limited("select * from t", 100)
	not sql.limited("select * from t where a = 'limit 10'", 100)
	not sql.limited("select * from (select * from t limit 10)", 100)
}

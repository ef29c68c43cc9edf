# METADATA
# title: payroll__run
# description: |
#   Business hours: Monday to Friday, 9 to 17, where the people are who would notice;
#   outside of that a person is asked. The time is that of the call, so a replay
#   decides the same.
package tools.payroll.run

allow if "payroll" in input.agent.roles

approve contains "outside of business hours" if not at_work

at_work if {
	at := [time.parse_rfc3339_ns(input.call.time), data.over_time.zone]
	not time.weekday(at) in {"Saturday", "Sunday"}
	hour := time.clock(at)[0]
	hour >= 9
	hour < 17
}

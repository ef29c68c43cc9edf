# METADATA
# title: Quiet hours
# description: |
#   No calls to people from 22 to 7 o'clock where the people are, by the call's time, so
#   that a replay decides the same; also where the night spans midnight, and when
#   clocks change.
package servers.phone

allow if "caller" in input.agent.roles

deny contains "nobody is called at night" if {
	[hour, _, _] := time.clock([time.parse_rfc3339_ns(input.call.time), data.over_time.zone])
	night(hour)
}

night(hour) if hour >= 22

night(hour) if hour < 7

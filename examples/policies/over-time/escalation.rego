# METADATA
# title: Pauses that grow
# description: |
#   An escalating cool-down: three denials stop an agent for a minute, six for an hour,
#   nine for a day. Each counts from the last denial that made it so.
package servers.safe

meter contains {"name": "denied_minute", "on": "denied", "window": "1m"}

meter contains {"name": "denied_hour", "on": "denied", "window": "1h"}

meter contains {"name": "denied_day", "on": "denied", "window": "24h"}

allow if input.args.code == "4711"

deny contains "denied three times: wait a minute" if input.meters.denied_minute.count >= 3

deny contains "denied six times: wait an hour" if input.meters.denied_hour.count >= 6

deny contains "denied nine times: wait a day" if input.meters.denied_day.count >= 9

# METADATA
# title: ci__deploy
# description: |
#   A sequence over tools, and a pause: a version is deployed after its tests ran
#   within the last hour, and half an hour after the one before at the earliest.
package tools.ci.deploy

meter contains {"name": "deployed", "per": "all", "window": "30m"}

allow if tested

deny contains "half an hour lies between two deployments" if input.meters.deployed.count > 0

tested if {
	some e in input.history
	e.name == "tested"
	e.value == input.args.version
}

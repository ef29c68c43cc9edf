#!/bin/sh
# It is not started: what agents may reach is for a person to say first.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	# An upgrade goes on with the new program, after the calls under way.
	systemctl try-restart toolward.service
fi

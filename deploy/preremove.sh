#!/bin/sh
# "upgrade" keeps it running until the new one is there (deb-prerm).
set -e
if [ -d /run/systemd/system ] && [ "$1" != upgrade ]; then
	systemctl disable --now toolward.service
fi

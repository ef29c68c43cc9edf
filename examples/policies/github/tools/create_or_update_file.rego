# METADATA
# title: create_or_update_file
# description: To a branch that is not protected, and never to what runs in CI.
package tools.github.create_or_update_file

import data.toolward.lib.path

allow if {
	"developer" in input.agent.roles
	path.relative(input.args.path)
	not startswith(path_in_repository, ".github/")
	not input.args.branch in data.github.protected_branches
}

# "./.github/x" is the same file to GitHub.
path_in_repository := regex.replace(input.args.path, `^(\./+)+`, "")

deny contains "name the branch: the default branch is not for agents" if not input.args.branch

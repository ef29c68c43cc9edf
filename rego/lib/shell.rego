# METADATA
# title: Shell commands
# description: |
#   A command line is judged only if a shell would split it at spaces and do
#   nothing else. Everything with a meaning to a shell (quotes, variables,
#   substitution, pipes, redirection, globs, several commands) is refused, not
#   interpreted. Allow programs by name and look at their arguments: many
#   harmless programs run others when asked (find -exec, git -c, tar
#   --to-command).
package toolward.lib.shell

# METADATA
# title: Plain
# description: True if command is a string that every shell reads as the same words.
plain(command) if {
	is_string(command)
	regex.match(`^[A-Za-z0-9_./][A-Za-z0-9_./:=,@+% -]*$`, command)
	not regex.match(`^[A-Za-z_][A-Za-z0-9_]*=`, command)
}

# METADATA
# title: Words
# description: The words of a plain command. Undefined otherwise.
words(command) := [w | some w in split(command, " "); w != ""] if plain(command)

# METADATA
# title: Program
# description: The first word, as written. A path is not cut to its last segment, because /tmp/ls is not ls.
program(command) := words(command)[0]

# METADATA
# title: Runs
# description: True if the program of a plain command is one of programs.
runs(command, programs) if program(command) in programs

# METADATA
# title: Options
# description: The words after the program that start with a dash; "--output=x" counts as "--output".
options(command) := {split(w, "=")[0] | some i, w in words(command); i > 0; startswith(w, "-")}

# METADATA
# title: Operands
# description: The words after the program that do not start with a dash, in order.
operands(command) := [w | some i, w in words(command); i > 0; not startswith(w, "-")]

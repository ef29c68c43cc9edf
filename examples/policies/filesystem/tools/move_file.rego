# METADATA
# title: move_file
# description: Both ends must be within the editor's directories, and a person agrees, because a move overwrites nothing but loses the old place.
package tools.files.move_file

import data.access

approve contains "moving files takes consent" if access.within({"editor"})

# METADATA
# title: edit_file
# description: Editors write drafts, and nobody writes anything else.
package tools.files.edit_file

import data.access

allow if access.within({"editor"})

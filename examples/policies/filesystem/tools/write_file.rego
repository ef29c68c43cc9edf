# METADATA
# title: write_file
# description: Editors write drafts, and nobody writes anything else.
package tools.files.write_file

import data.access

allow if access.within({"editor"})

# METADATA
# title: create_directory
# description: Editors write drafts, and nobody writes anything else.
package tools.files.create_directory

import data.access

allow if access.within({"editor"})

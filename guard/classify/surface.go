package classify

// Surface is where a text was met. The same words weigh differently in a
// tool's result and in its documentation.
type Surface uint8

// The surfaces. Resources, prompts, errors, log and progress messages are
// results; sampling and elicitation requests are results too, since an
// upstream wrote them.
const (
	ToolResult Surface = iota
	ToolArgs
	ToolDescription
	UserPrompt
)

// SurfaceOf is the surface of that name in labelled data, [ToolResult] for an
// unknown one.
func SurfaceOf(name string) Surface {
	switch name {
	case "tool_args":
		return ToolArgs
	case "tool_description":
		return ToolDescription
	case "user_prompt":
		return UserPrompt
	}
	return ToolResult
}

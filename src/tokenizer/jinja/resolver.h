// Decides at parse time which variable every name means, and checks what can be checked before rendering.
//
// Scoping is the language's own, which is not quite any other's: `if` makes no scope, every other block does; a scope that
// assigns a name anywhere has its own variable for it from its start, which begins as a copy of the outer one if an outer
// scope has that name, as the context's value if only some branches of an `if` assign it, and as unset otherwise. Macros see
// the variables of the place where they are written as they are when called.
#pragma once

#include "tokenizer/jinja/ast.h"

namespace assay::jinja {

// Fills every slot, scope and filter of the tree. Errc::bad_value: unknown filters and tests outside of conditions, break
// and continue outside of loops, assignments to `loop` within loops, repeated parameters.
Result<void> resolve(Tree& tree);

}  // namespace assay::jinja

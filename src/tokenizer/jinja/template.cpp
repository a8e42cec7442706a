#include "tokenizer/jinja/template.h"

#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/parser.h"

namespace assay::jinja {

Template::Template(std::unique_ptr<Tree> tree) : tree_(std::move(tree)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

Result<Template> Template::parse(std::string_view source, const Limits& limits) {
  JINJA_LET(tree, parse_tree(source, limits));
  return Template(std::make_unique<Tree>(std::move(tree)));
}

Result<std::string> Template::render(const Json& context, const RenderOptions& options) const {
  return Machine(options.limits, options.now_seconds).render(*tree_, context);
}

}  // namespace assay::jinja

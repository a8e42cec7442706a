#include "adapter/upstream/server_facts.h"

#include <algorithm>
#include <utility>

#include "adapter/upstream/json_fields.h"
#include "base/text.h"

namespace assay::adapter::upstream {
namespace {

constexpr std::size_t names_shown_max = 8;
constexpr std::uint32_t ollama_context_default = 4096;

// What one server is asked, one after the other.
struct Questions {
  const UpstreamOptions& options;
  HttpClient& client;
  const Clock& clock;

  Result<Json> get(const std::string& path) const {
    HttpRequest request;
    request.path = path;
    return answer(path, std::move(request), options.open_timeout_ns);
  }
  Result<Json> post(const std::string& path, const Json& body, std::int64_t timeout_ns) const {
    HttpRequest request;
    request.method = HttpRequest::Method::post;
    request.path = path;
    request.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
    request.first_byte_timeout_ns = timeout_ns;
    return answer(path, std::move(request), timeout_ns);
  }

 private:
  Result<Json> answer(const std::string& path, HttpRequest request, std::int64_t timeout_ns) const {
    auto reply = fetch(client, clock, std::move(request), timeout_ns, reply_bytes_max, options.stop);
    if (!reply) return std::unexpected(std::move(reply.error()));
    if (reply->status != 200) {
      return std::unexpected(
          with_context(path, error_of(reply->status, reply->content_type, reply->location, reply->body, 0)));
    }
    return parse_object(reply->body, path);
  }
};

std::string listed(const std::vector<std::string>& names) {
  if (names.empty()) return "it has none";
  std::string out = "it has ";
  for (std::size_t i = 0; i < std::min(names.size(), names_shown_max); ++i) {
    out += (i == 0 ? "" : ", ") + in_quotes(names[i]);
  }
  if (names.size() > names_shown_max) out += " and " + std::to_string(names.size() - names_shown_max) + " more";
  return out;
}

// The model to ask for, among those that the server names: the one wanted, or the only one.
Result<std::string> choose(const std::string& wanted, const std::vector<std::string>& names) {
  if (!wanted.empty()) {
    if (std::ranges::find(names, wanted) != names.end()) return wanted;
    return fail(Errc::not_found, "no model " + in_quotes(wanted) + ": " + listed(names));
  }
  if (names.size() == 1) return names[0];
  if (names.empty()) return fail(Errc::not_found, "the server has no model");
  return fail(Errc::bad_value, "the server has several models, name one: " + listed(names));
}

// The context that will be used, or the refusal to measure under a false one.
Result<std::uint32_t> agree(std::uint32_t wanted, std::uint32_t has, std::string_view advice) {
  if (wanted != 0 && has != 0 && has < wanted) {
    return fail(Errc::bad_value, "the server's context holds " + std::to_string(has) + " positions, " +
                                     std::to_string(wanted) + " were asked for: " + std::string(advice));
  }
  return has;
}

Result<std::vector<std::string>> names_in(const Json& body, const char* list, const char* key) {
  std::vector<std::string> names;
  const auto found = array_field(body, list, "");
  if (!found) return std::unexpected(found.error());
  if (*found == nullptr) {
    return fail(Errc::engine_lost, std::string("no \"") + list + "\" in the list of models: another kind of server?");
  }
  for (const Json& entry : **found) {
    if (!entry.is_object()) return fail(Errc::engine_lost, "a model is " + shown(entry) + ", expected an object");
    const auto id = text_field(entry, key, "");
    if (!id) return std::unexpected(id.error());
    if (*id) names.push_back(**id);
  }
  return names;
}

Result<std::uint32_t> count_or_0(const Json& object, const char* key, std::string_view where) {
  const auto count = count_field(object, key, where);
  if (!count) return std::unexpected(count.error());
  return count->value_or(0);
}

Result<std::string> text_or_empty(const Json& object, const char* key, std::string_view where) {
  auto text = text_field(object, key, where);
  if (!text) return std::unexpected(std::move(text.error()));
  return text->value_or("");
}

bool is_text(const Json& object, const char* key, std::string_view text) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() && found->get_ref<const std::string&>() == text;
}

Result<ServerFacts> llama_server_facts(const Questions& server) {
  ServerFacts facts;
  // A router runs several models and must be told which.
  const std::string which = server.options.model.empty() ? "" : "?model=" + server.options.model;
  const bool plain = std::ranges::all_of(server.options.model, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
           c == '_';
  });
  const auto props = server.get("/props" + (plain ? which : ""));
  if (!props) return std::unexpected(props.error());
  const auto settings = object_field(*props, "default_generation_settings", "");
  if (!settings) return std::unexpected(settings.error());
  if (*settings == nullptr) {
    return fail(Errc::engine_lost, "/props has no default_generation_settings: this is no llama-server");
  }
  const auto context = count_or_0(**settings, "n_ctx", "default_generation_settings.");
  if (!context) return std::unexpected(context.error());
  const auto slots = count_or_0(*props, "total_slots", "");
  if (!slots) return std::unexpected(slots.error());
  auto build = text_or_empty(*props, "build_info", "");
  if (!build) return std::unexpected(std::move(build.error()));
  const auto path = text_or_empty(*props, "model_path", "");
  if (!path) return std::unexpected(path.error());
  const auto agreed =
      agree(server.options.context, *context, "start it with a larger --ctx-size (it is split by slots)");
  if (!agreed) return std::unexpected(agreed.error());
  facts.context = *agreed;
  facts.sequences = *slots;
  facts.version = std::move(*build);
  facts.model = server.options.model;
  if (!path->empty()) facts.notes.push_back("serves " + *path);

  const auto models = server.get("/v1/models");
  if (!models) return std::unexpected(models.error());
  const auto list = array_field(*models, "data", "");
  if (!list) return std::unexpected(list.error());
  for (const Json& entry : *list == nullptr ? Json::array() : **list) {
    if (!entry.is_object() || (*list)->size() != 1) continue;
    const auto meta = object_field(entry, "meta", "data[0].");
    if (!meta) return std::unexpected(meta.error());
    if (*meta == nullptr) continue;
    const auto vocabulary = count_or_0(**meta, "n_vocab", "data[0].meta.");
    if (!vocabulary) return std::unexpected(vocabulary.error());
    facts.vocabulary = *vocabulary;
  }
  if (server.options.vocabulary != 0 && facts.vocabulary != 0 && facts.vocabulary != server.options.vocabulary) {
    return fail(Errc::bad_value, "the server's model has " + std::to_string(facts.vocabulary) + " tokens, ours " +
                                     std::to_string(server.options.vocabulary) + ": it is another model");
  }
  return facts;
}

// mlx_lm.server lists what lies in a cache and serves what it was started with: any path may be named, and loads. Where the
// machine has no Hugging Face cache it answers the list with nothing at all; that it is there is then told by /health.
Result<ServerFacts> mlx_lm_facts(const Questions& server) {
  const auto models = server.get("/v1/models");
  const auto names =
      models ? names_in(*models, "data", "id") : Result<std::vector<std::string>>(std::unexpected(models.error()));
  if (!models && models.error().code == Errc::engine_lost) {
    const auto health = server.get("/health");
    if (!health || !is_text(*health, "status", "ok")) return std::unexpected(models.error());
  } else if (!names) {
    return std::unexpected(names.error());
  }
  ServerFacts facts;
  facts.model = server.options.model.empty() ? "default_model" : server.options.model;
  facts.notes.emplace_back("the server does not tell its context");
  return facts;
}

// OpenAI's list; what some servers add to it is read where it is there.
Result<ServerFacts> openai_facts(const Questions& server) {
  ServerFacts facts;
  const auto models = server.get("/v1/models");
  if (!models) return std::unexpected(models.error());
  const auto names = names_in(*models, "data", "id");
  if (!names) return std::unexpected(names.error());
  auto model = choose(server.options.model, *names);
  if (!model) return std::unexpected(std::move(model.error()));
  facts.model = std::move(*model);
  for (const Json& entry : (*models)["data"]) {
    if (!entry.is_object() || !is_text(entry, "id", facts.model)) continue;
    const auto context = count_or_0(entry, "max_model_len", "");
    if (!context) return std::unexpected(context.error());
    const auto agreed = agree(server.options.context, *context, "start it with a larger one");
    if (!agreed) return std::unexpected(agreed.error());
    facts.context = *agreed;
  }
  if (facts.context == 0) facts.notes.emplace_back("the server does not tell its context");
  return facts;
}

Result<ServerFacts> ollama_facts(const Questions& server) {
  ServerFacts facts;
  const std::uint32_t wanted = server.options.context != 0 ? server.options.context : ollama_context_default;
  const auto version = server.get("/api/version");
  if (!version) return std::unexpected(version.error());
  auto text = text_or_empty(*version, "version", "");
  if (!text) return std::unexpected(std::move(text.error()));
  facts.version = std::move(*text);
  const auto tags = server.get("/api/tags");
  if (!tags) return std::unexpected(tags.error());
  const auto names = names_in(*tags, "models", "name");
  if (!names) return std::unexpected(names.error());
  const std::string latest = server.options.model + ":latest";  // a name without a tag means this one
  const bool untagged = !server.options.model.empty() && std::ranges::find(*names, latest) != names->end();
  auto model = choose(untagged ? latest : server.options.model, *names);
  if (!model) return std::unexpected(std::move(model.error()));
  facts.model = std::move(*model);

  // A prompt of nothing loads the model with these settings.
  Json load = Json::object();
  load["model"] = facts.model;
  load["stream"] = false;
  load["keep_alive"] = server.options.keep_alive;
  load["options"] = Json{{"num_ctx", wanted}};
  if (const auto loaded = server.post("/api/generate", load, server.options.load_timeout_ns); !loaded) {
    return std::unexpected(loaded.error());
  }
  const auto running = server.get("/api/ps");
  if (!running) return std::unexpected(running.error());
  const auto list = array_field(*running, "models", "");
  if (!list) return std::unexpected(list.error());
  for (const Json& entry : *list == nullptr ? Json::array() : **list) {
    if (!entry.is_object() || (!is_text(entry, "name", facts.model) && !is_text(entry, "model", facts.model))) continue;
    const auto context = count_or_0(entry, "context_length", "");
    if (!context) return std::unexpected(context.error());
    if (*context != 0 && *context != wanted) {
      return fail(Errc::bad_value, "Ollama loaded " + in_quotes(facts.model) + " with a context of " +
                                       std::to_string(*context) + " where " + std::to_string(wanted) +
                                       " was asked for");
    }
    if (*context == 0) facts.notes.emplace_back("the server does not tell the context that it loaded");
    facts.context = wanted;
    const auto digest = text_or_empty(entry, "digest", "");
    if (digest && !digest->empty()) facts.notes.push_back("model digest " + *digest);
    return facts;
  }
  return fail(Errc::engine_lost,
              "Ollama was asked to load " + in_quotes(facts.model) + " and does not list it as loaded");
}

// One loaded model of LM Studio.
struct Loaded {
  std::string id;
  std::uint32_t context = 0;
};

Result<std::vector<Loaded>> loaded_by_v1(const Json& body) {
  std::vector<Loaded> out;
  const auto models = array_field(body, "models", "");
  if (!models) return std::unexpected(models.error());
  if (*models == nullptr) return fail(Errc::engine_lost, "/api/v1/models has no \"models\": this is no LM Studio");
  for (const Json& model : **models) {
    if (!model.is_object()) return fail(Errc::engine_lost, "a model is " + shown(model) + ", expected an object");
    const auto instances = array_field(model, "loaded_instances", "models[].");
    if (!instances) return std::unexpected(instances.error());
    for (const Json& instance : *instances == nullptr ? Json::array() : **instances) {
      if (!instance.is_object()) return fail(Errc::engine_lost, "an instance is " + shown(instance));
      auto id = text_or_empty(instance, "id", "loaded_instances[].");
      if (!id) return std::unexpected(std::move(id.error()));
      const auto config = object_field(instance, "config", "loaded_instances[].");
      if (!config) return std::unexpected(config.error());
      const auto context =
          *config == nullptr ? Result<std::uint32_t>(0) : count_or_0(**config, "context_length", "config.");
      if (!context) return std::unexpected(context.error());
      out.push_back({std::move(*id), *context});
    }
  }
  return out;
}

Result<std::vector<Loaded>> loaded_by_v0(const Json& body) {
  std::vector<Loaded> out;
  const auto models = array_field(body, "data", "");
  if (!models) return std::unexpected(models.error());
  if (*models == nullptr) return fail(Errc::engine_lost, "/api/v0/models has no \"data\": this is no LM Studio");
  for (const Json& model : **models) {
    if (!model.is_object()) return fail(Errc::engine_lost, "a model is " + shown(model) + ", expected an object");
    if (!is_text(model, "state", "loaded")) continue;
    auto id = text_or_empty(model, "id", "data[].");
    if (!id) return std::unexpected(std::move(id.error()));
    const auto context = count_or_0(model, "loaded_context_length", "data[].");
    if (!context) return std::unexpected(context.error());
    out.push_back({std::move(*id), *context});
  }
  return out;
}

Result<ServerFacts> lm_studio_facts(const Questions& server) {
  ServerFacts facts;
  auto body = server.get("/api/v1/models");
  const bool v1 = body.has_value();
  if (!v1 && body.error().code == Errc::not_found) body = server.get("/api/v0/models");  // before version 0.4
  if (!body) return std::unexpected(std::move(body.error()));
  const auto loaded = v1 ? loaded_by_v1(*body) : loaded_by_v0(*body);
  if (!loaded) return std::unexpected(loaded.error());
  std::vector<std::string> names;
  for (const Loaded& one : *loaded) names.push_back(one.id);
  auto chosen = choose(server.options.model, names);
  if (!chosen) return std::unexpected(with_context("LM Studio's loaded models", std::move(chosen.error())));
  facts.model = std::move(*chosen);
  facts.context = std::ranges::find(*loaded, facts.model, &Loaded::id)->context;
  if (facts.context == 0) {
    return fail(Errc::bad_value, "LM Studio does not say with which context " + in_quotes(facts.model) +
                                     " is loaded: it may be smaller than shown, and is not measured");
  }
  if (server.options.context != 0 && facts.context != server.options.context) {
    return fail(Errc::bad_value, "LM Studio has " + in_quotes(facts.model) + " loaded with a context of " +
                                     std::to_string(facts.context) + ", " + std::to_string(server.options.context) +
                                     " was asked for: load it again with that context");
  }
  facts.notes.emplace_back("context read back from the loaded model");
  return facts;
}

}  // namespace

Result<ServerFacts> read_server_facts(const UpstreamOptions& options, HttpClient& client, const Clock& clock) {
  const Questions server{options, client, clock};
  switch (options.kind) {
    case Kind::llama_server:
      return llama_server_facts(server);
    case Kind::ollama:
      return ollama_facts(server);
    case Kind::lm_studio:
      return lm_studio_facts(server);
    case Kind::mlx_lm:
      return mlx_lm_facts(server);
    case Kind::openai:
      return openai_facts(server);
  }
  return fail(Errc::bug, "a kind of server without facts");
}

}  // namespace assay::adapter::upstream

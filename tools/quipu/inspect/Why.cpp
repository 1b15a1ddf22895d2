//===- Why.cpp - Why a kernel, place or weight is compiled as it is -----------------------===//

#include "tools/quipu/inspect/Why.h"

#include "runtime/support/Error.h"
#include "tools/quipu/inspect/PlanNames.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

/// What stands for the number of a layer in names of the record.
static constexpr std::string_view kAnyLayer = "{}";

namespace {
/// What a user asks about.
struct Question {
  explicit Question(const std::string &text);

  /// Whether a name of the record is meant, or lies below what is meant.
  bool means(std::string_view other) const {
    return other.starts_with(name) && (other.size() == name.size() || other[name.size()] == '.');
  }

  /// "{}" stands for the layer.
  std::string name;
  std::optional<unsigned> layer;
};
} // namespace

Question::Question(const std::string &text) {
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find('.', begin), text.size());
    std::string_view word = std::string_view(text).substr(begin, end - begin);
    unsigned number = 0;
    auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    bool isNumber = error == std::errc() && stop == word.data() + word.size();
    if (isNumber)
      layer = number;
    name += concat(begin ? "." : "", isNumber || word == "*" ? kAnyLayer : word);
    begin = end + 1;
  }
}

static bool meansAny(const Question &question, const Json &names) {
  return std::ranges::any_of(names, [&](const Json &name) { return question.means(name.get<std::string>()); });
}

static bool contains(const Json &list, const Json &item) { return std::ranges::find(list, item) != list.end(); }

/// Whether they have a name in common.
static bool meet(const Json &some, const Json &others) {
  return std::ranges::any_of(some, [&](const Json &name) { return contains(others, name); });
}

static std::string scheduleOf(const PlanFile &plan, const std::string &kernel) {
  for (const plan::Kernel *each : *plan.plan().kernels())
    if (text(each->name()) == kernel)
      return text(each->schedule());
  return {};
}

namespace {
/// The kernels that a question is about.
struct Subject {
  Json kernels = Json::array();
  /// One is asked for by its name.
  bool isKernel = false;

  bool has(const Json &kernelName) const {
    return std::ranges::any_of(kernels, [&](const Json &kernel) { return kernel.at("name") == kernelName; });
  }
};
} // namespace

static Subject subjectOf(const KernelOrigins &origins, const std::string &name, const Question &question) {
  Subject subject;
  for (const Json &kernel : origins.kernels())
    if (kernel.at("name") == name) {
      subject.kernels = Json::array({kernel});
      subject.isKernel = true;
      return subject;
    }
  for (const Json &kernel : origins.kernels())
    if (meansAny(question, kernel.at("places")) || meansAny(question, kernel.at("weights")))
      subject.kernels.push_back(kernel);
  return subject;
}

/// The program of "decode.qkv" is "decode", that of "sm_80.decode.qkv" is "sm_80.decode".
static std::string programOf(const std::string &kernel) { return kernel.substr(0, kernel.rfind('.')); }

static bool isAbout(const Json &decision, const std::string &name, const Question &question, const Subject &subject) {
  const Json &layers = decision.at("layers"), &program = decision.at("program"), &kernel = decision.at("kernel");
  if (question.layer && !layers.empty() && !contains(layers, *question.layer))
    return false;
  if (kernel == name || program == name || subject.has(kernel) || meansAny(question, decision.at("names")))
    return true;
  if (!subject.isKernel)
    return false;
  const Json &asked = subject.kernels.front();
  // What is decided about the places and weights of a kernel, and about its program as a whole.
  if (kernel.get<std::string>().empty() && program == programOf(name))
    return true;
  return kernel.get<std::string>().empty() &&
         (meet(decision.at("names"), asked.at("places")) || meet(decision.at("names"), asked.at("weights")));
}

[[noreturn]] static void failUnknown(const PlanFile &plan, const KernelOrigins &origins, const std::string &name) {
  std::string kernels, places;
  std::vector<std::string> known;
  for (const Json &kernel : origins.kernels()) {
    kernels += concat(kernels.empty() ? "" : ", ", kernel.at("name").get<std::string>());
    for (const Json &place : kernel.at("places"))
      if (std::ranges::find(known, place.get<std::string>()) == known.end())
        known.push_back(place);
  }
  for (const std::string &place : known)
    places += concat(places.empty() ? "" : ", ", place);
  fail(plan.path(), ": nothing was decided about '", name, "'; kernels: ", kernels,
       "; places, with a number or * for {}: ", places, "; weights by their names");
}

Json whyJson(const PlanFile &plan, const KernelOrigins &origins, const std::string &name) {
  Question question(name);
  Subject subject = subjectOf(origins, name, question);
  Json decisions = Json::array();
  for (const Json &decision : origins.decisions())
    if (isAbout(decision, name, question, subject))
      decisions.push_back(decision);
  auto isOfLayer = [&](const Json &decision) { return contains(decision.at("layers"), *question.layer); };
  if (decisions.empty() || (question.layer && std::ranges::none_of(decisions, isOfLayer)))
    failUnknown(plan, origins, name);
  Json kernels = Json::array();
  for (const Json &kernel : subject.kernels)
    kernels.push_back({{"name", kernel.at("name")},
                       {"places", kernel.at("places")},
                       {"schedule", scheduleOf(plan, kernel.at("name"))}});
  return {{"name", name}, {"kernels", kernels}, {"decisions", decisions}};
}

// ---------------------------------------------------------------- text

/// "layers 0 to 3, 5": numbers that follow each other are a range.
static std::string layersText(const Json &layers) {
  std::string result;
  for (size_t begin = 0; begin < layers.size();) {
    size_t end = begin;
    while (end + 1 < layers.size() && layers[end + 1].get<unsigned>() == layers[end].get<unsigned>() + 1)
      ++end;
    result += concat(result.empty() ? "" : ", ", layers[begin].get<unsigned>());
    if (end > begin)
      result += concat(" to ", layers[end].get<unsigned>());
    begin = end + 1;
  }
  return concat(layers.size() == 1 ? "layer " : "layers ", result);
}

/// Of one layer its number takes the place of {}.
static std::string sentenceOf(const Json &decision, const std::optional<unsigned> &layer) {
  std::string sentence = decision.at("text");
  const Json &layers = decision.at("layers");
  if (layers.empty())
    return sentence;
  if (!layer)
    return concat(sentence, " (", layersText(layers), ")");
  std::string number = std::to_string(*layer);
  for (size_t at = sentence.find(kAnyLayer); at != std::string::npos; at = sentence.find(kAnyLayer, at))
    sentence.replace(at, kAnyLayer.size(), number);
  return sentence;
}

std::string whyText(const PlanFile &plan, const std::string &name) {
  Json why = whyJson(plan, KernelOrigins(plan), name);
  std::optional<unsigned> layer = Question(name).layer;
  std::string result = name + "\n";
  for (const Json &kernel : why["kernels"]) {
    std::string places;
    for (const Json &place : kernel["places"])
      places += (places.empty() ? "" : ", ") + place.get<std::string>();
    result += concat("  kernel ", kernel["name"].get<std::string>(), " runs at ", places, ": ",
                     kernel["schedule"].get<std::string>(), "\n");
  }
  std::string pass, choice;
  for (const Json &decision : why["decisions"]) {
    if (decision["pass"] != pass) {
      pass = decision["pass"];
      choice.clear();
      result += concat("\n", pass, "\n");
    }
    if (!decision.contains("verdict")) {
      choice.clear();
      result += concat("  ", sentenceOf(decision, layer), "\n");
      continue;
    }
    std::string head = concat(decision["kernel"].get<std::string>(), ": ", decision["aspect"].get<std::string>());
    if (head != choice)
      result += concat("  ", head, "\n");
    choice = head;
    result += concat("    ", decision["verdict"].get<std::string>(), " ", decision["candidate"].get<std::string>(),
                     ": ", sentenceOf(decision, layer), "\n");
  }
  return result;
}

} // namespace quipu::tool

//===- Trace.cpp - From the config to instructions, and back ------------------------------===//

#include "tools/quipu/inspect/Trace.h"

#include "runtime/support/Error.h"
#include "tools/common/CommandLine.h"
#include "tools/common/Console.h"
#include "tools/quipu/inspect/KernelOrigins.h"
#include "tools/quipu/inspect/Listing.h"
#include "tools/quipu/inspect/PlanNames.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

static std::string hexOffset(uint64_t offset) {
  char text[24];
  snprintf(text, sizeof(text), "+0x%llx", static_cast<unsigned long long>(offset));
  return text;
}

/// "k_proj: llama.linear"; of the kernel itself "decode.qkv".
static std::string opName(const Json &op) {
  if (!op.contains("op"))
    return op.at("name");
  std::string place = op.at("place"), name = op.at("op");
  return place.empty() ? name : place + ": " + name;
}

static std::string joined(const Json &list) {
  std::string text;
  for (const Json &item : list)
    text += (text.empty() ? "" : ", ") + item.get<std::string>();
  return text;
}

static bool hasName(const Json &list, const Json &name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// ---------------------------------------------------------------- from a field to instructions

/// The ops of a kernel that come from a field, with what they became.
static Json opsFrom(const KernelOrigins &origins, const std::vector<ListedLine> &listing, const Json &kernel,
                    const Json &field) {
  std::map<uint32_t, std::vector<const ListedLine *>> byLine;
  for (const ListedLine &line : listing)
    if (!line.function.empty())
      byLine[line.line].push_back(&line);
  Json ops = Json::array();
  for (const Json &op : kernel.at("ops")) {
    if (!hasName(op.at("configs"), field.at("name")))
      continue;
    const std::vector<const ListedLine *> &code = byLine[op.at("line")];
    Json item = {{"op", op.at("op")}, {"place", op.at("place")}, {"line", op.at("line")}};
    item["instructions"] = code.size();
    // PTX has no addresses.
    if (!code.empty() && code.front()->offset && code.back()->offset) {
      item["first"] = code.front()->function + hexOffset(*code.front()->offset);
      item["last"] = code.back()->function + hexOffset(*code.back()->offset);
    }
    item["source"] = origins.sourceLine(op.at("line"));
    ops.push_back(std::move(item));
  }
  return ops;
}

Json originJson(const PlanFile &plan, const std::string &name) {
  KernelOrigins origins(plan);
  const Json &field = origins.field(name);
  Json kernels = Json::array();
  BestForms forms(plan);
  for (const Json &kernel : origins.kernels()) {
    // Kernels without lines are those of other GPUs.
    if (kernel.at("lines").is_null() || !hasName(kernel.at("configs"), field.at("name")))
      continue;
    std::string_view form;
    std::optional<std::vector<ListedLine>> listing = forms.list(kernel.at("name"), form);
    if (!listing)
      fail(forms.problem());
    kernels.push_back({{"name", kernel.at("name")},
                       {"places", kernel.at("places")},
                       {"form", form},
                       {"ops", opsFrom(origins, *listing, kernel, field)}});
  }
  return {{"field", field},
          {"text", origins.fieldText(field)},
          {"kernels", kernels},
          {"problem", forms.problem().empty() ? Json(nullptr) : Json(forms.problem())}};
}

std::string originText(const PlanFile &plan, const std::string &name) {
  Json origin = originJson(plan, name);
  std::string result =
      concat(origin["field"]["name"].get<std::string>(), "\n  ", origin["text"].get<std::string>(), "\n");
  for (const Json &kernel : origin["kernels"]) {
    result += concat("\n", kernel["name"].get<std::string>(), "  ", joined(kernel["places"]), "\n");
    for (const Json &op : kernel["ops"]) {
      std::string code =
          concat(op["instructions"].get<size_t>(), " instructions", kernel["form"] == "ptx" ? " of PTX" : "");
      if (op.contains("first"))
        code += concat(", ", op["first"].get<std::string>(), " to ", op["last"].get<std::string>());
      result += concat("  line ", op["line"].get<uint32_t>(), "  ", opName(op), "  ", code, "\n");
    }
  }
  if (!origin["problem"].is_null())
    result += concat("\nPTX stands for machine code: ", origin["problem"].get<std::string>(), "\n");
  return result;
}

// ---------------------------------------------------------------- from an address to the config

namespace {
struct Address {
  std::string symbol;
  uint64_t offset = 0;
};
} // namespace

static Address parseAddress(const std::string &text) {
  size_t plus = text.rfind('+');
  Address address{text.substr(0, plus)};
  if (plus == std::string::npos)
    return address;
  std::string_view number = std::string_view(text).substr(plus + 1);
  bool isHex = number.starts_with("0x");
  number.remove_prefix(isHex ? 2 : 0);
  auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), address.offset, isHex ? 16 : 10);
  if (error != std::errc() || end != number.data() + number.size() || address.symbol.empty())
    throw UsageError("--address " + text + ": it is a function's name and an offset in bytes, such as decode.qkv+0x40");
  return address;
}

/// The kernel with this name, or with an entry of this name. The symbol of an address that names a kernel becomes its
/// last entry, which is the whole of it.
static const plan::Kernel &kernelAt(const PlanFile &plan, Address &address) {
  const plan::Kernel *named = nullptr;
  std::string known;
  for (const plan::Kernel *kernel : *plan.plan().kernels()) {
    for (const plan::Entry *entry : *kernel->entries()) {
      if (text(entry->symbol()) == address.symbol)
        return *kernel;
      known += (known.empty() ? "" : ", ") + text(entry->symbol());
    }
    if (text(kernel->name()) == address.symbol)
      named = kernel;
  }
  if (!named)
    fail(plan.path(), ": has no function ", address.symbol, "; functions: ", known);
  address.symbol = text((*named->entries())[named->entries()->size() - 1]->symbol());
  return *named;
}

/// The instruction at the address, or which begins before it and ends behind it.
static const ListedLine &instructionAt(const std::vector<ListedLine> &listing, const Address &address,
                                       const std::string &text) {
  const ListedLine *found = nullptr, *last = nullptr;
  for (const ListedLine &line : listing)
    if (line.function == address.symbol && line.offset) {
      last = &line;
      if (*line.offset <= address.offset)
        found = &line;
    }
  // How long the last instruction is, the listing does not say.
  bool isBehind = found && found == last;
  if (!found || (isBehind && found->offset != address.offset))
    fail("--address ", text, ": no instruction of the function is there",
         found ? concat("; the last is at ", address.symbol, hexOffset(*found->offset)) : "");
  return *found;
}

Json addressJson(const PlanFile &plan, const std::string &addressText) {
  Address address = parseAddress(addressText);
  KernelOrigins origins(plan);
  const plan::Kernel &kernel = kernelAt(plan, address);
  std::vector<ListedLine> listing = KernelLister(plan).list(text(kernel.name()), machineForm(plan));
  const ListedLine &line = instructionAt(listing, address, addressText);
  const Json &record = origins.kernel(text(kernel.name()));
  const Json &op = origins.opAt(record, line.line);
  Json fields = Json::array();
  for (const Json &name : op.at("configs")) {
    Json field = origins.field(name);
    field["text"] = origins.fieldText(field);
    fields.push_back(std::move(field));
  }
  return {{"address", address.symbol + hexOffset(*line.offset)},
          {"instruction", line.text},
          {"kernel", record.at("name")},
          {"places", record.at("places")},
          {"line", line.line},
          {"source", origins.sourceLine(line.line)},
          {"op", op.contains("op") ? op.at("op") : Json(nullptr)},
          {"place", op.at("place")},
          {"fields", fields},
          {"weights", op.at("weights")}};
}

std::string addressText(const PlanFile &plan, const std::string &address) {
  Json found = addressJson(plan, address);
  std::string result = concat(found["address"].get<std::string>(), ": ", found["instruction"].get<std::string>(), "\n");
  auto row = [&](const std::string &name, const std::string &text) {
    if (!text.empty())
      result += concat("  ", name, std::string(10 - name.size(), ' '), text, "\n");
  };
  row("kernel", concat(found["kernel"].get<std::string>(), ", which runs at ", joined(found["places"])));
  row("op", found["op"].is_null() ? "none: the frame of the kernel"
                                  : concat(found["place"].get<std::string>(), ": ", found["op"].get<std::string>()));
  row("source", concat("line ", found["line"].get<uint32_t>(), ": ", found["source"].get<std::string>()));
  bool isFirst = true;
  for (const Json &field : found["fields"]) {
    row(isFirst ? "config" : "", concat(field["name"].get<std::string>(), ": ", field["text"].get<std::string>()));
    isFirst = false;
  }
  row("tensors", joined(found["weights"]));
  return result;
}

// ---------------------------------------------------------------- side by side

/// Two columns. Texts of up to so many characters leave the second one straight.
static std::string sideBySide(std::string left, const std::string &right) {
  constexpr size_t kColumn = 72;
  left.resize(std::max(left.size(), kColumn), ' ');
  return left + " | " + right;
}

std::string kernelWithSource(const PlanFile &plan, const std::string &name, const std::vector<ListedLine> &listing) {
  KernelOrigins origins(plan);
  const Json &kernel = origins.kernel(name);
  std::string result, function;
  uint32_t before = 0;
  for (const ListedLine &line : listing) {
    std::string left = line.text;
    if (line.offset) {
      if (line.function != function)
        result += concat(function.empty() ? "" : "\n", line.function, ":\n");
      function = line.function;
      std::string offset = hexOffset(*line.offset);
      left = concat("  ", offset, std::string(offset.size() < 9 ? 9 - offset.size() : 1, ' '), line.text);
    }
    if (line.line) {
      bool isNew = line.line != before;
      left = sideBySide(left, isNew ? concat(line.line, " ", opName(origins.opAt(kernel, line.line))) : "");
      before = line.line;
    }
    result += left.substr(0, left.find_last_not_of(' ') + 1) + "\n";
  }
  return result;
}

std::string moduleTextWithSource(const PlanFile &plan, const std::string &name) {
  KernelOrigins origins(plan);
  const Json &kernel = origins.kernel(name);
  auto [first, last] = origins.linesOf(name);
  std::string result;
  for (uint32_t line = first; line <= last; ++line) {
    const Json &op = origins.opAt(kernel, line);
    std::string right = concat(line);
    if (op.contains("op") || line == first) {
      std::string weights = joined(op.at("weights"));
      right += concat(" ", op.at("place").get<std::string>(), ": ", joined(op.at("configs")),
                      weights.empty() ? "" : "; " + weights);
    }
    bool isInside = line != first && line != last;
    result += sideBySide((isInside ? "  " : "") + origins.sourceLine(line), right) + "\n";
  }
  return result;
}

} // namespace quipu::tool

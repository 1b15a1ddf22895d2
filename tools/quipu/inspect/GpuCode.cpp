//===- GpuCode.cpp - PTX and machine code of a CUDA plan's kernels -----------------------===//

#include "tools/quipu/inspect/GpuCode.h"
#include "runtime/plan/Steps.h"
#include "runtime/support/Error.h"
#include "tools/common/Process.h"
#include "tools/quipu/CudaTools.h"
#include "tools/quipu/inspect/Disassemble.h"
#include "tools/quipu/inspect/PlanNames.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

namespace quipu::tool {

std::vector<std::string> symbolsOf(const plan::Kernel &kernel) {
  std::vector<std::string> symbols;
  for (const plan::Entry *entry : *kernel.entries())
    symbols.push_back(text(entry->symbol()));
  return symbols;
}

/// The variant whose programs launch the kernel.
static uint32_t variantOf(const plan::Plan &plan, const plan::Kernel &kernel) {
  for (const plan::Program *program : *plan.programs())
    for (const plan::Sequence *sequence : *program->sequences())
      for (const plan::Step *step : *sequence->steps())
        if (kernelOf(plan, *step) == &kernel)
          return program->variant();
  return 0;
}

/// The module of this format that has the kernel; each program has a module of its own. Null if there is none.
static const plan::CodeModule *findModule(const plan::Plan &plan, const plan::Kernel &kernel, plan::CodeFormat format) {
  std::string symbol = text(kernel.entries()->Get(0)->symbol());
  // The name in PTX, and in a cubin's table of strings, where it ends in 0.
  symbol = format == plan::CodeFormat::ptx ? ".entry " + symbol + "(" : std::string(1, '\0') + symbol + '\0';
  for (const plan::CodeModule *module : *plan.modules()) {
    std::string_view code(reinterpret_cast<const char *>(module->bytes()->data()), module->bytes()->size());
    if (module->variant() == variantOf(plan, kernel) && module->format() == format &&
        code.find(symbol) != std::string_view::npos)
      return module;
  }
  return nullptr;
}

/// "decode_qkv" for ".visible .entry decode_qkv("; empty for a line that begins no function.
static std::string_view functionName(std::string_view line) {
  size_t at = std::min(line.find(".entry "), line.find(".func "));
  if (at == std::string_view::npos || line.starts_with("//"))
    return {};
  std::string_view rest = line.substr(line.find(' ', at) + 1);
  // ".func (.param .b32 result) name(".
  if (rest.starts_with("("))
    rest = rest.substr(std::min(rest.find(") ") + 2, rest.size()));
  return rest.substr(0, rest.find('('));
}

std::string kernelPtx(const PlanFile &file, const std::string &name) {
  const plan::Kernel &kernel = findKernel(file, name);
  const plan::CodeModule *module = findModule(file.plan(), kernel, plan::CodeFormat::ptx);
  if (!module)
    fail(file.path(), ": holds no PTX for kernel ", name);
  std::vector<std::string> symbols = symbolsOf(kernel);
  std::string_view rest(reinterpret_cast<const char *>(module->bytes()->data()), module->bytes()->size());
  rest = rest.substr(0, rest.find('\0'));
  std::string result;
  // The text without the bodies of other functions. A body ends with a brace in the first column.
  bool inFunction = false, wanted = false;
  while (!rest.empty()) {
    size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (std::string_view function = inFunction ? "" : functionName(line); !function.empty()) {
      inFunction = true;
      wanted = std::find(symbols.begin(), symbols.end(), function) != symbols.end();
    }
    bool remark = !inFunction && (line.empty() || line.find_first_not_of(" \t") == line.find("//"));
    if (!remark && (!inFunction || wanted))
      result += std::string(line) + "\n";
    if (inFunction && line == "}")
      inFunction = false;
  }
  return result;
}

static const plan::CodeModule &findCubin(const PlanFile &file, const std::string &name) {
  const plan::CodeModule *module = findModule(file.plan(), findKernel(file, name), plan::CodeFormat::cubin);
  if (!module)
    fail(file.path(), ": holds no machine code for kernel ", name,
         " (there was no ptxas when it was compiled, or it is for any GPU); see --as ptx");
  return *module;
}

std::string kernelSassWithLines(const PlanFile &file, const std::string &name) {
  const plan::CodeModule &module = findCubin(file, name);
  std::vector<std::string> tools = findCudaProgram("nvdisasm");
  if (tools.empty())
    fail("no nvdisasm found; install it (part of the CUDA toolkit), or see --as ptx");
  CodeDescriptor code(module);
  std::optional<std::string> listing =
      captureProcess({tools.front(), "--print-line-info", "--print-code", code.path()});
  if (!listing)
    fail(tools.front(), ": cannot list code for ", module.isa()->string_view(),
         "; take one of a toolkit as new as the ptxas that made it, or see --as ptx");
  return *listing;
}

std::string kernelSass(const PlanFile &file, const std::string &name) {
  const plan::CodeModule &module = findCubin(file, name);
  std::string symbols;
  for (const std::string &symbol : symbolsOf(findKernel(file, name)))
    symbols += (symbols.empty() ? "" : ",") + symbol;
  std::vector<std::string> tools = findCudaProgram("cuobjdump");
  if (tools.empty())
    fail("no cuobjdump found; install it (part of the CUDA toolkit), or see --as ptx");
  CodeDescriptor code(module);
  std::optional<std::string> listing =
      captureProcess({tools.front(), "--dump-sass", "--function", symbols, code.path()});
  if (!listing)
    fail(tools.front(), ": cannot list code for ", module.isa()->string_view(),
         "; take one of a toolkit as new as the ptxas that made it, or see --as ptx");
  return *listing;
}

} // namespace quipu::tool

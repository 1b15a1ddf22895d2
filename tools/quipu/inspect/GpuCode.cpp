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

const plan::CodeModule *findCubin(const PlanFile &file, const plan::Kernel &kernel) {
  return findModule(file.plan(), kernel, plan::CodeFormat::cubin);
}

/// The module, which is there.
static const plan::CodeModule &needCubin(const PlanFile &file, const plan::CodeModule *module,
                                         const std::string &kernel) {
  if (!module)
    fail(file.path(), ": holds no machine code for kernel ", kernel,
         " (there was no ptxas when it was compiled, or it is for any GPU); see --as ptx");
  return *module;
}

static std::string listing(const std::vector<std::string> &command, const plan::CodeModule &module) {
  std::optional<std::string> text = captureProcess(command);
  if (!text)
    fail(command.front(), ": cannot list code for ", module.isa()->string_view(),
         "; take one of a toolkit as new as the ptxas that made it, or see --as ptx");
  return *text;
}

/// Programs that list machine code, and where a user gets them without a toolkit.
static constexpr const char *kNvdisasm = "nvdisasm", *kCuobjdump = "cuobjdump";
[[noreturn]] static void failNoLister(const char *programs) {
  fail("no ", programs,
       " found; install the CUDA toolkit, or the Python package nvidia-cuda-nvdisasm and put its "
       "program on the PATH; or see --as ptx");
}

std::string sassWithLines(const PlanFile &file, const plan::CodeModule *found, const std::string &kernel) {
  const plan::CodeModule &module = needCubin(file, found, kernel);
  std::vector<std::string> tools = findCudaProgram(kNvdisasm);
  if (tools.empty())
    failNoLister(kNvdisasm);
  CodeDescriptor code(module);
  return listing({tools.front(), "--print-line-info", "--print-code", code.path()}, module);
}

/// The parts of nvdisasm's listing that belong to these functions.
static std::string sectionsOf(std::string_view text, const std::vector<std::string> &functions) {
  std::string result;
  bool isWanted = false;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    // "//--------------------- .text.decode_qkv      --------------------------"
    if (line.starts_with("//---"))
      isWanted = std::ranges::any_of(functions, [&](const std::string &function) {
        return line.find(" .text." + function + " ") != std::string_view::npos;
      });
    if (isWanted)
      result += std::string(line) + "\n";
  }
  return result;
}

std::string kernelSass(const PlanFile &file, const std::string &name) {
  const plan::Kernel &kernel = findKernel(file, name);
  const plan::CodeModule &module = needCubin(file, findCubin(file, kernel), name);
  std::string symbols;
  for (const std::string &symbol : symbolsOf(kernel))
    symbols += (symbols.empty() ? "" : ",") + symbol;
  std::vector<std::string> cuobjdump = findCudaProgram(kCuobjdump), nvdisasm = findCudaProgram(kNvdisasm);
  CodeDescriptor code(module);
  // cuobjdump starts nvdisasm by itself, and comes without it in some packages.
  if (!cuobjdump.empty())
    return listing({cuobjdump.front(), "--dump-sass", "--function", symbols, code.path()}, module);
  if (nvdisasm.empty())
    failNoLister("cuobjdump and no nvdisasm");
  return sectionsOf(listing({nvdisasm.front(), "--print-code", code.path()}, module), symbolsOf(kernel));
}

} // namespace quipu::tool

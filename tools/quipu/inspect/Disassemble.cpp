//===- Disassemble.cpp - Machine code of a plan's kernel ---------------------------------===//

#include "tools/quipu/inspect/Disassemble.h"
#include "runtime/support/Error.h"
#include "tools/common/Process.h"
#include "tools/quipu/inspect/PlanNames.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace quipu::tool {

const plan::Kernel &findKernel(const PlanFile &file, const std::string &name) {
  std::string names;
  for (const plan::Kernel *kernel : *file.plan().kernels()) {
    if (text(kernel->name()) == name)
      return *kernel;
    names += (names.empty() ? "" : ", ") + text(kernel->name());
  }
  fail(file.path(), ": has no kernel ", name, "; kernels: ", names);
}

CodeDescriptor::CodeDescriptor(const plan::CodeModule &module) : fd(memfd_create("quipu-code", 0)) {
  auto size = ssize_t(module.bytes()->size());
  if (fd < 0 || write(fd, module.bytes()->data(), size_t(size)) != size)
    fail("cannot hand the code to a disassembler", errnoSuffix(errno));
}

CodeDescriptor::~CodeDescriptor() { close(fd); }

std::string CodeDescriptor::path() const { return concat("/proc/", getpid(), "/fd/", fd); }

std::string disassembleKernel(const PlanFile &file, const std::string &name, bool withLines) {
  const plan::Kernel &kernel = findKernel(file, name);
  std::string symbols;
  for (const plan::Entry *entry : *kernel.entries())
    symbols += (symbols.empty() ? "" : ",") + text(entry->symbol());
  std::string result;
  for (const plan::CodeModule *module : *file.plan().modules()) {
    if (module->format() != plan::CodeFormat::elf)
      continue;
    CodeDescriptor code(*module);
    bool shown = false;
    for (const char *tool : {"llvm-objdump-22", "llvm-objdump", "objdump"}) {
      bool gnu = strcmp(tool, "objdump") == 0;
      std::vector<std::string> command = {tool, "-d", "--no-show-raw-insn"};
      if (withLines)
        command.push_back("-l");
      if (!gnu)
        command.push_back("--disassemble-symbols=" + symbols);
      else
        for (const plan::Entry *entry : *kernel.entries())
          command.push_back("--disassemble=" + text(entry->symbol()));
      command.push_back(code.path());
      if (std::optional<std::string> listing = captureProcess(command)) {
        result += *listing;
        shown = true;
        break;
      }
    }
    if (!shown)
      fail("no disassembler found; install llvm-22 or binutils, or give the model instead of the plan");
  }
  return result;
}

} // namespace quipu::tool

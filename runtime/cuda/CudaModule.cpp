//===- CudaModule.cpp - GPU code of a plan -----------------------------------------------===//

#include "runtime/cuda/CudaModule.h"
#include "runtime/support/Error.h"

namespace quipu {

using namespace cuda;

CudaModule::CudaModule(const plan::CodeModule &code, const std::string &planName) : driver(Driver::get()) {
  // PTX must end with a zero byte. For a cubin one more byte does no harm.
  std::string bytes(reinterpret_cast<const char *>(code.bytes()->data()), code.bytes()->size());
  char log[4096] = {};
  int options[] = {kJitErrorLog, kJitErrorLogSize};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log))};
  Result result = driver.moduleLoad.tryCall(&handle, bytes.c_str(), 2, options, values);
  if (result == kSuccess)
    return;
  std::string text = log;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  fail(planName, ": the CUDA driver refuses the plan's ", plan::EnumNameCodeFormat(code.format()), " for ",
       code.isa()->string_view(), ": ", driver.errorText(result), text.empty() ? "" : "; " + text, "; ",
       result == kOutOfMemory ? kFreeMemory : "update NVIDIA's driver, or compile the model again on this machine");
}

CudaModule::~CudaModule() { (void)driver.moduleUnload.tryCall(handle); }

const void *CudaModule::lookup(const char *symbol) const {
  Function function = nullptr;
  Result result = driver.moduleGetFunction.tryCall(&function, handle, symbol);
  if (result == kNotFound)
    return nullptr;
  if (result)
    failCall("cuModuleGetFunction", result);
  return function;
}

} // namespace quipu

//===- Assembler.cpp - PTX to a cubin -------------------------------------------===//
//
// NVIDIA's assembler is no part of Quipu: ptxas is started, or libnvJitLink loaded, where the machine has one.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/toolchain/Assembler.h"

#include "codegen/common/ScratchFile.h"
#include "runtime/support/CudaToolkit.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"

#include <cstdlib>

namespace quipu::codegen::cuda {

// ---------------------------------------------------------------- ptxas

/// Runs ptxas; what it prints (both streams) goes to `log`.
static llvm::Error runPtxas(const std::string &program, llvm::ArrayRef<llvm::StringRef> arguments, std::string &log) {
  ScratchFile output;
  if (llvm::Error error = output.create(".log"))
    return error;
  llvm::SmallVector<llvm::StringRef> command{program};
  command.append(arguments.begin(), arguments.end());
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(), output.path(), output.path()};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(program, command, std::nullopt, redirects, 0, 0, &message);
  llvm::Expected<std::vector<char>> text = output.read();
  if (!text)
    return text.takeError();
  log.assign(text->begin(), text->end());
  if (status == 0)
    return llvm::Error::success();
  if (!message.empty())
    log += message;
  if (log.empty())
    log = "with status " + std::to_string(status) + ", without a word; is there memory for its files?";
  return llvm::createStringError(program + " failed:\n" + log);
}

/// Whether the code says which lines it comes from. The cubin then does too.
static bool hasLines(llvm::StringRef ptx) { return ptx.contains("\n\t.loc\t"); }
static constexpr const char *kKeepLines = "-lineinfo";

static llvm::Expected<Cubin> assembleWithPtxas(const std::string &program, const std::string &ptx,
                                               const CudaTarget &target) {
  ScratchFile input, output;
  if (llvm::Error error = input.create(".ptx", ptx))
    return error;
  if (llvm::Error error = output.create(".cubin"))
    return error;
  Cubin cubin;
  cubin.assembler = program;
  std::string arch = "-arch=" + target.arch;
  llvm::SmallVector<llvm::StringRef> arguments = {"-v", "-O3", arch, input.path(), "-o", output.path()};
  if (hasLines(ptx))
    arguments.push_back(kKeepLines);
  if (llvm::Error error = runPtxas(program, arguments, cubin.log))
    return error;
  llvm::Expected<std::vector<char>> bytes = output.read();
  if (!bytes)
    return bytes.takeError();
  if (bytes->empty())
    return llvm::createStringError(program + " has written no cubin");
  cubin.bytes = std::move(*bytes);
  return cubin;
}

// ---------------------------------------------------------------- nvJitLink

namespace {
/// The functions of nvJitLink that are used, as its documentation declares them.
struct JitLink {
  using Handle = void *;
  static constexpr int kSuccess = 0, kInputPtx = 2;

  int (*create)(Handle *, uint32_t, const char **) = nullptr;
  int (*destroy)(Handle *) = nullptr;
  int (*addData)(Handle, int, const void *, size_t, const char *) = nullptr;
  int (*complete)(Handle) = nullptr;
  int (*cubinSize)(Handle, size_t *) = nullptr;
  int (*cubin)(Handle, void *) = nullptr;
  int (*errorLogSize)(Handle, size_t *) = nullptr;
  int (*errorLog)(Handle, char *) = nullptr;
  int (*infoLogSize)(Handle, size_t *) = nullptr;
  int (*infoLog)(Handle, char *) = nullptr;
  int (*version)(unsigned *, unsigned *) = nullptr;

  /// Whether one of the libraries could be loaded and has all these functions.
  bool load(llvm::ArrayRef<std::string> places) {
    for (const std::string &name : places) {
      library = llvm::sys::DynamicLibrary::getPermanentLibrary(name.c_str());
      if (library.isValid())
        break;
    }
    return library.isValid() && find("nvJitLinkCreate", create) && find("nvJitLinkDestroy", destroy) &&
           find("nvJitLinkAddData", addData) && find("nvJitLinkComplete", complete) &&
           find("nvJitLinkGetLinkedCubinSize", cubinSize) && find("nvJitLinkGetLinkedCubin", cubin) &&
           find("nvJitLinkGetErrorLogSize", errorLogSize) && find("nvJitLinkGetErrorLog", errorLog) &&
           find("nvJitLinkGetInfoLogSize", infoLogSize) && find("nvJitLinkGetInfoLog", infoLog) &&
           find("nvJitLinkVersion", version);
  }

private:
  template <typename Function> bool find(const char *name, Function &function) {
    function = reinterpret_cast<Function>(library.getAddressOfSymbol(name));
    return function != nullptr;
  }

  llvm::sys::DynamicLibrary library;
};
} // namespace

static std::string readLog(JitLink::Handle handle, int (*size)(JitLink::Handle, size_t *),
                           int (*read)(JitLink::Handle, char *)) {
  size_t bytes = 0;
  if (size(handle, &bytes) != JitLink::kSuccess || bytes == 0)
    return {};
  std::string text(bytes, '\0');
  if (read(handle, text.data()) != JitLink::kSuccess)
    return {};
  return text.substr(0, text.find('\0'));
}

static llvm::Expected<Cubin> assembleWithJitLink(JitLink &jit, const std::string &ptx, const CudaTarget &target) {
  Cubin cubin;
  unsigned major = 0, minor = 0;
  jit.version(&major, &minor);
  cubin.assembler = "nvJitLink " + std::to_string(major) + "." + std::to_string(minor);
  std::string arch = "-arch=" + target.arch;
  llvm::SmallVector<const char *> arguments = {arch.c_str(), "-verbose"};
  if (hasLines(ptx))
    arguments.push_back(kKeepLines);
  JitLink::Handle handle = nullptr;
  if (jit.create(&handle, arguments.size(), arguments.data()) != JitLink::kSuccess)
    return llvm::createStringError(cubin.assembler + " does not know " + target.arch);
  llvm::scope_exit destroy([&] { jit.destroy(&handle); });
  size_t size = 0;
  // The text's end must be within the data.
  bool made = jit.addData(handle, JitLink::kInputPtx, ptx.c_str(), ptx.size() + 1, "kernels") == JitLink::kSuccess &&
              jit.complete(handle) == JitLink::kSuccess && jit.cubinSize(handle, &size) == JitLink::kSuccess;
  if (made) {
    cubin.bytes.resize(size);
    made = jit.cubin(handle, cubin.bytes.data()) == JitLink::kSuccess;
  }
  if (!made)
    return llvm::createStringError(cubin.assembler + " failed:\n" + readLog(handle, jit.errorLogSize, jit.errorLog));
  cubin.log = readLog(handle, jit.infoLogSize, jit.infoLog);
  return cubin;
}

// ---------------------------------------------------------------- choice

/// Whether this is how ptxas and nvJitLink refuse a version of PTX or an architecture that came after them.
static bool saysTooOld(llvm::StringRef text) {
  return text.contains("Unsupported .version") || text.contains("is not defined for option 'gpu-name'") ||
         text.contains(" does not know ");
}

static llvm::Expected<Assembly> assembleWithNamed(llvm::StringRef named, const std::string &ptx,
                                                  const CudaTarget &target) {
  if (named == "none")
    return Assembly{std::nullopt, std::string(kPtxasVariable) + " is none"};
  llvm::ErrorOr<std::string> program = llvm::sys::findProgramByName(named);
  if (!program || !llvm::sys::fs::can_execute(*program))
    return llvm::createStringError(llvm::Twine(kPtxasVariable) + " names '" + named +
                                   "', which cannot be run; set it to a ptxas, or to none for PTX alone");
  llvm::Expected<Cubin> cubin = assembleWithPtxas(*program, ptx, target);
  if (!cubin)
    return llvm::createStringError(llvm::toString(cubin.takeError()) + "\n" + kPtxasVariable + " names it; set it to " +
                                   "another ptxas, or to none for PTX alone");
  return Assembly{std::move(*cubin), ""};
}

llvm::Expected<Assembly> assemblePtx(const std::string &ptx, const CudaTarget &target) {
  if (const char *named = getenv(kPtxasVariable))
    return assembleWithNamed(named, ptx, target);
  return assembleWithFirst(ptx, target, assemblerPlaces());
}

/// "ptxas 13.0.88" of a program that prints "Cuda compilation tools, release 13.0, V13.0.88".
static llvm::Expected<std::string> ptxasName(const std::string &program) {
  std::string text;
  if (llvm::Error error = runPtxas(program, {"--version"}, text))
    return error;
  size_t at = text.find(", V");
  if (at == std::string::npos)
    return llvm::createStringError(program + " --version prints no version:\n" + text);
  return "ptxas " +
         llvm::StringRef(text).substr(at + 3).take_while([](char c) { return c == '.' || llvm::isDigit(c); }).str();
}

llvm::Expected<std::string> assemblerName(const CudaTarget &target) {
  std::string version = llvm::Twine(target.ptxVersion() / 10).str() + "." + llvm::Twine(target.ptxVersion() % 10).str();
  std::string empty = ".version " + version + "\n.target " + target.arch + "\n.address_size 64\n";
  llvm::Expected<Assembly> assembly = assemblePtx(empty, target);
  if (!assembly)
    return assembly.takeError();
  if (!assembly->cubin)
    return "";
  const std::string &assembler = assembly->cubin->assembler;
  return assembler.starts_with("nvJitLink ") ? assembler : ptxasName(assembler);
}

AssemblerPlaces assemblerPlaces() {
  AssemblerPlaces places;
  for (const llvm::ErrorOr<std::string> &program :
       {llvm::sys::findProgramByName("ptxas"), llvm::sys::findProgramByName("ptxas", {kCudaProgramFolder})})
    if (program && !llvm::is_contained(places.programs, *program))
      places.programs.push_back(*program);
  places.nvJitLink.assign(std::begin(kNvJitLinkPlaces), std::end(kNvJitLinkPlaces));
  return places;
}

llvm::Expected<Assembly> assembleWithFirst(const std::string &ptx, const CudaTarget &target,
                                           const AssemblerPlaces &places) {
  std::vector<std::string> tooOld;
  // No cubin and no error: the next assembler is tried.
  auto outcome = [&](const std::string &assembler,
                     llvm::Expected<Cubin> cubin) -> std::optional<llvm::Expected<Assembly>> {
    if (cubin)
      return Assembly{std::move(*cubin), ""};
    std::string text = llvm::toString(cubin.takeError());
    if (!saysTooOld(text))
      return llvm::createStringError(text);
    tooOld.push_back(assembler);
    return std::nullopt;
  };
  for (const std::string &program : places.programs)
    if (auto done = outcome(program, assembleWithPtxas(program, ptx, target)))
      return std::move(*done);
  if (JitLink jit; jit.load(places.nvJitLink))
    if (auto done = outcome("nvJitLink", assembleWithJitLink(jit, ptx, target)))
      return std::move(*done);
  if (tooOld.empty())
    return Assembly{std::nullopt, "this machine has no assembler for NVIDIA GPUs"};
  return Assembly{std::nullopt, llvm::join(tooOld, " and ") + (tooOld.size() == 1 ? " is" : " are") +
                                    " too old for the PTX of " + target.arch};
}

std::vector<std::string> spillsOf(const Cubin &cubin) {
  // ptxas info    : Function properties for decode_qkv
  //     0 bytes stack frame, 8 bytes spill stores, 8 bytes spill loads
  std::vector<std::string> sentences;
  llvm::StringRef rest = cubin.log, function, line;
  while (!rest.empty()) {
    std::tie(line, rest) = rest.split('\n');
    if (size_t at = line.find("Function properties for "); at != llvm::StringRef::npos)
      function = line.substr(at).rsplit(' ').second;
    llvm::StringRef stores = line.split(" bytes spill stores").first;
    if (stores.size() != line.size() && stores.rsplit(' ').second != "0")
      sentences.push_back((function + " has too few registers: " + line.trim()).str());
  }
  return sentences;
}

} // namespace quipu::codegen::cuda

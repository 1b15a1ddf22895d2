//===- AmxEmulator.h - AMX instructions on CPUs that lack them -----------------*- C++ -*-===//
//
// A CPU without AMX stops at its instructions with SIGILL. A handler of this signal does what they mean and goes on, so
// that code for AMX can be tested on every CPU that has what else the code uses. Each thread has its own tiles.
//
//===-------------------------------------------------------------------------------------===//

#ifndef QUIPU_TEST_CODEGEN_AMXEMULATOR_H
#define QUIPU_TEST_CODEGEN_AMXEMULATOR_H

namespace quipu {

/// Installs the handler while it lives. SIGILL of other instructions ends the process as before.
class AmxEmulator {
public:
  AmxEmulator();
  ~AmxEmulator();
  AmxEmulator(const AmxEmulator &) = delete;
  AmxEmulator &operator=(const AmxEmulator &) = delete;

  /// Instructions that were emulated in this process.
  static long count();
};

} // namespace quipu

#endif // QUIPU_TEST_CODEGEN_AMXEMULATOR_H

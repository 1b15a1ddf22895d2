//===- LibFuzzer.cpp - One target under libFuzzer -------------------------------------------===//
//
// quipu-fuzz, with the target's name in QUIPU_FUZZ_TARGET: options of the command line are libFuzzer's own, and it
// starts itself again with other ones.
//
//===----------------------------------------------------------------------------------===//

#include "Targets.h"

#include <cstdio>
#include <cstdlib>

static const quipu::test::FuzzTarget &chosen() {
  const char *name = getenv("QUIPU_FUZZ_TARGET");
  if (const quipu::test::FuzzTarget *target = quipu::test::findFuzzTarget(name ? name : ""))
    return *target;
  fprintf(stderr, "error: QUIPU_FUZZ_TARGET is \"%s\", but only these are targets:", name ? name : "");
  for (const quipu::test::FuzzTarget &target : quipu::test::fuzzTargets())
    fprintf(stderr, " %s", target.name);
  fprintf(stderr, "\n");
  exit(2);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static const quipu::test::FuzzTarget &target = chosen();
  target.run({reinterpret_cast<const char *>(bytes), size});
  return 0;
}

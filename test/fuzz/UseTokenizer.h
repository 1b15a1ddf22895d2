//===- UseTokenizer.h - What every tokenizer must stand --------------*- C++ -*-===//

#ifndef QUIPU_TEST_FUZZ_USETOKENIZER_H
#define QUIPU_TEST_FUZZ_USETOKENIZER_H

#include "runtime/abi/TokenizerData.h"

namespace quipu::test {

/// Makes a tokenizer of the data, encodes texts and decodes ids. Throws quipu::Error where the data are unsound.
void useTokenizer(TokenizerData data);

} // namespace quipu::test

#endif // QUIPU_TEST_FUZZ_USETOKENIZER_H

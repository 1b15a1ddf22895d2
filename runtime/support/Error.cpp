//===- Error.cpp - The one exception of the runtime --------------------------------------===//

#include "runtime/support/Error.h"

#include <cstring>

std::string quipu::errnoSuffix(int error) { return std::string(": ") + strerror(error); }

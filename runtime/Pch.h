//===- Pch.h - Precompiled headers of the runtime ---------------------------*- C++ -*-===//
//
// The headers that most files of the runtime, and of what is built on it, include. Files still include what they use.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PCH_H
#define QUIPU_RUNTIME_PCH_H

#include "runtime/abi/plan_generated.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#endif // QUIPU_RUNTIME_PCH_H

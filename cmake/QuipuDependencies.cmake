# Libraries from the distribution. What is built from source (SentencePiece) is pinned in cmake/SentencePiece.cmake.

find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 REQUIRED)

find_program(FLATC flatc REQUIRED)
find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)

if(QUIPU_BUILD_COMPILER)
  find_package(LLVM 22.1 REQUIRED CONFIG HINTS ${LLVM_ROOT})
  find_package(MLIR REQUIRED CONFIG HINTS ${LLVM_ROOT})
  find_package(LLD REQUIRED CONFIG HINTS ${LLVM_ROOT})
  set(LLVM_TOOLS_DIR ${LLVM_TOOLS_BINARY_DIR})
  list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
  include(TableGen)
  include(AddLLVM)
  include(AddMLIR)
  separate_arguments(QUIPU_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
  list(TRANSFORM QUIPU_LLVM_DEFINITIONS REPLACE "^-D" "")
endif()
